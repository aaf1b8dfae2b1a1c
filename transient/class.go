package transient

var classNames = [...]string{"unknown", "permanent", "busy", "storage", "overload", "datachannel", "security", "network"}

// String returns the class's name as policies spell it: "busy", "datachannel".
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return "invalid"
	}
	return classNames[c]
}
