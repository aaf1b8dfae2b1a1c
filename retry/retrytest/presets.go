package retrytest

// Vsftpd is a server with the commands and habits of vsftpd 3.0.3: no MLSD, no
// MFMT, no checksums, MDTM sets times.
func Vsftpd() Config {
	return Config{
		Greeting: "220 (vsFTPd 3.0.3)",
		Without:  append(checksums(), "MLSD", "MFMT"),
		Quirks:   Quirks{MDTMWrites: true, HideDotFiles: true, NLSTPaths: true},
	}
}

// Proftpd is a server with the commands and habits of ProFTPD 1.3.8 as it is
// installed: it refuses to resume uploads.
func Proftpd() Config {
	return Config{
		Greeting: "220 ProFTPD Server",
		Without:  checksums(),
		Quirks:   Quirks{AppendRestartRefused: true, DotEntries: true, NLSTPaths: true},
	}
}

// PureFTPd is a server with the commands and habits of pure-ftpd 1.0.50: it
// clamps the offset of REST with STOR, and cuts the file there.
func PureFTPd() Config {
	return Config{
		Greeting: "220-Welcome to Pure-FTPd\n220 You will be disconnected after 15 minutes of inactivity.",
		Without:  checksums(),
		Quirks:   Quirks{RestartClamped: true, RestartTruncates: true, DotEntries: true, HideDotFiles: true, Pret: true},
	}
}

// Pyftpdlib is a server with the commands and habits of pyftpdlib 1.5.7: it
// refuses an offset beyond the end, and takes a reset for the end of an upload.
func Pyftpdlib() Config {
	return Config{
		Greeting: "220 pyftpdlib ready.",
		Without:  checksums(),
		Quirks:   Quirks{RestartStrict: true, ResetIsSuccess: true},
	}
}

// checksums are the commands that none of the four has.
func checksums() []string {
	return []string{"HASH", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"}
}
