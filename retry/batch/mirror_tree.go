package batch

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"github.com/ftpretry/ftpretry/retry"
)

// nature is what a name stands for.
type nature byte

const (
	file nature = iota
	folder
	link
	device // and what else is neither
	ours   // the journal that the run writes to
)

var natures = [...]string{file: "file", folder: "directory", link: "symbolic link", device: "device, or the like,", ours: "journal of this run"}

func (n nature) String() string { return natures[n] }

// entry is one name in a directory.
type entry struct {
	name   string
	nature nature
	size   int64
	time   time.Time
}

// content is what is in a directory, sorted by name.
type content struct {
	entries []entry
	unread  int // entries that there are besides
	*retry.Directory
}

// tree is one side of a mirror. Names are relative to it and have slashes; "" is
// its root.
type tree interface {
	list(ctx context.Context, name string) (*content, error)
	path(name string) string // for jobs
	look(name string) Job    // to list it
}

// localTree is a directory here. A nil root is one that is not there.
type localTree struct {
	base    string
	root    *os.Root
	journal fs.FileInfo // of the run; nil = none
}

func (t *localTree) path(name string) string { return filepath.Join(t.base, filepath.FromSlash(name)) }
func (t *localTree) look(name string) Job    { return Job{Kind: List, Local: t.path(name)} }

func (t *localTree) list(_ context.Context, name string) (*content, error) {
	if name == "" {
		name = "."
	}
	dir, err := t.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	names, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	c := &content{entries: make([]entry, 0, len(names))}
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			if os.IsNotExist(err) {
				continue // gone since
			}
			return nil, err
		}
		e := entry{name: n.Name(), size: info.Size(), time: info.ModTime()}
		switch mode := info.Mode(); {
		case t.journal != nil && os.SameFile(info, t.journal):
			e.nature = ours
		case mode.IsRegular():
		case mode.IsDir():
			e.nature = folder
		case mode&fs.ModeSymlink != 0:
			e.nature = link
		default:
			e.nature = device
		}
		c.entries = append(c.entries, e)
	}
	c.sort()
	return c, nil
}

// remoteTree is a directory on the server.
type remoteTree struct {
	client *retry.Client
	base   string
}

func (t *remoteTree) look(name string) Job { return Job{Kind: List, Remote: cmp.Or(t.path(name), ".")} }

func (t *remoteTree) path(name string) string {
	switch {
	case name == "":
		return t.base
	case t.base == "" && (name[0] == '-' || name[0] == ' '):
		return "./" + name // which a server could take for an option, or trim
	case t.base == "" || strings.HasSuffix(t.base, "/"):
		return t.base + name
	}
	return t.base + "/" + name
}

func (t *remoteTree) list(ctx context.Context, name string) (*content, error) {
	dir, err := t.client.ReadDir(ctx, t.path(name))
	if err != nil {
		return nil, err
	}
	c := &content{entries: make([]entry, len(dir.Entries)), unread: dir.Unread, Directory: dir}
	for i, e := range dir.Entries {
		c.entries[i] = entry{name: e.Name, size: int64(e.Size), time: e.Time}
		switch e.Type {
		case ftp.EntryTypeFolder:
			c.entries[i].nature = folder
		case ftp.EntryTypeLink:
			c.entries[i].nature = link
		}
	}
	dir.Entries = nil
	c.sort()
	return c, nil
}

func (c *content) sort() {
	slices.SortStableFunc(c.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
}

// checkName refuses what is no name in a directory of the local system, or one
// that leads elsewhere.
func checkName(name string, windows bool) error {
	bad := func(why string) error {
		return fmt.Errorf("server lists %q, which is no name of a local file: %s", brief(name), why)
	}
	switch {
	case name == "", name == ".", name == "..":
		return bad("it stands for a directory that is above, or the same")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("it has control characters")
	case strings.Contains(name, "/"):
		return bad("it has a slash")
	case !windows:
		return nil
	case strings.ContainsAny(name, `\<>:"|?*`):
		return bad(`Windows allows none of \ < > : " | ? *`)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return bad("Windows drops a dot or a blank at the end")
	}
	device, _, _ := strings.Cut(name, ".")
	device = strings.ToUpper(strings.TrimRight(device, " "))
	if slices.Contains(windowsDevices, device) || len(device) > 3 && (device[:3] == "COM" || device[:3] == "LPT") && slices.Contains(windowsPorts, device[3:]) {
		return bad("it is a device of Windows")
	}
	return nil
}

// Windows takes these for devices, whatever follows after a dot (Naming Files,
// Paths, and Namespaces, Microsoft).
var (
	windowsDevices = []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
	windowsPorts   = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u00b9", "\u00b2", "\u00b3"}
)
