package retrytest

import (
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// memTree is a tree in memory.
type memTree struct {
	mu   sync.RWMutex // names; the content of a file has a lock of its own
	root *node
	disk *capacity
	fold bool // names that differ in case only are one
}

// node is a directory, which has entries, or a file, which has blocks.
type node struct {
	entries map[string]*node // nil for a file; guarded by memTree.mu

	mu       sync.Mutex
	modified time.Time
	blocks   blocks
}

func newMemTree(q Quirks) *memTree {
	return &memTree{root: newDir(), disk: &capacity{limit: q.Capacity, discard: q.Discard}, fold: q.FoldCase}
}

func newDir() *node {
	return &node{entries: make(map[string]*node), modified: time.Now()}
}

func (n *node) dir() bool { return n.entries != nil }

func (n *node) touch() {
	n.mu.Lock()
	n.modified = time.Now()
	n.mu.Unlock()
}

// memInfo is a moment's description of a node.
type memInfo struct {
	name     string
	size     int64
	modified time.Time
	isDir    bool
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modified }
func (i memInfo) IsDir() bool        { return i.isDir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.isDir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

func (n *node) info(name string) fs.FileInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	return memInfo{name: name, size: n.blocks.size, modified: n.modified, isDir: n.dir()}
}

// entry is the name under which dir has what is meant by name, and name where it
// has nothing of that. The caller holds mu.
func (t *memTree) entry(dir *node, name string) string {
	if !t.fold || dir.entries[name] != nil {
		return name
	}
	for there := range dir.entries {
		if strings.EqualFold(there, name) {
			return there
		}
	}
	return name
}

// find walks to a name. The caller holds mu.
func (t *memTree) find(op, name string) (*node, error) {
	at := t.root
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		if !at.dir() {
			return nil, errno(op, name, syscall.ENOTDIR)
		}
		next := at.entries[t.entry(at, part)]
		if next == nil {
			return nil, errno(op, name, syscall.ENOENT)
		}
		at = next
	}
	return at, nil
}

// parent finds the directory that holds name. The caller holds mu.
func (t *memTree) parent(op, name string) (dir *node, last string, err error) {
	if name == "/" {
		return nil, "", errno(op, name, syscall.EPERM)
	}
	dir, err = t.find(op, path.Dir(name))
	if err == nil && !dir.dir() {
		err = errno(op, name, syscall.ENOTDIR)
	}
	if err != nil {
		return nil, "", err
	}
	return dir, t.entry(dir, path.Base(name)), nil
}

func (t *memTree) stat(name string) (fs.FileInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(name)), nil
}

func (t *memTree) list(name string) ([]fs.FileInfo, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if !n.dir() {
		return nil, errno("open", name, syscall.ENOTDIR)
	}
	infos := make([]fs.FileInfo, 0, len(n.entries))
	for part, child := range n.entries {
		infos = append(infos, child.info(part))
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].Name() < infos[j].Name() })
	return infos, nil
}

func (t *memTree) open(name string) (file, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir() {
		return nil, errno("open", name, syscall.EISDIR)
	}
	return &memFile{node: n, disk: t.disk}, nil
}

func (t *memTree) create(name string, truncate bool) (file, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, last, err := t.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[last]
	if n == nil {
		n = &node{modified: time.Now()}
		dir.entries[last] = n
		dir.touch()
	}
	if n.dir() {
		return nil, errno("open", name, syscall.EISDIR)
	}
	f := &memFile{node: n, disk: t.disk}
	if truncate {
		return f, f.truncate(0)
	}
	return f, nil
}

func (t *memTree) mkdir(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name == "/" {
		return errno("mkdir", name, syscall.EEXIST)
	}
	dir, last, err := t.parent("mkdir", name)
	if err != nil {
		return err
	}
	if dir.entries[last] != nil {
		return errno("mkdir", name, syscall.EEXIST)
	}
	dir.entries[last] = newDir()
	dir.touch()
	return nil
}

func (t *memTree) remove(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir, last, err := t.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.entries[last]
	switch {
	case n == nil:
		return errno("remove", name, syscall.ENOENT)
	case len(n.entries) > 0:
		return errno("remove", name, syscall.ENOTEMPTY)
	}
	t.drop(dir, last)
	return nil
}

// drop unlinks a name. A transfer that has the file open goes on with it.
func (t *memTree) drop(dir *node, last string) {
	n := dir.entries[last]
	delete(dir.entries, last)
	dir.touch()
	n.mu.Lock()
	t.disk.free(n.blocks.size)
	n.mu.Unlock()
}

func (t *memTree) rename(from, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	src, was, err := t.parent("rename", from)
	if err != nil {
		return err
	}
	dst, will, err := t.parent("rename", to)
	if err != nil {
		return err
	}
	n, old := src.entries[was], dst.entries[will]
	switch {
	case n == nil:
		return errno("rename", from, syscall.ENOENT)
	case n == old:
		return nil
	case n.dir() && strings.HasPrefix(to+"/", from+"/"):
		return errno("rename", to, syscall.EINVAL)
	case old != nil && old.dir() && !n.dir():
		return errno("rename", to, syscall.EISDIR)
	case old != nil && !old.dir() && n.dir():
		return errno("rename", to, syscall.ENOTDIR)
	case old != nil && len(old.entries) > 0:
		return errno("rename", to, syscall.ENOTEMPTY)
	case old != nil:
		t.drop(dst, will)
	}
	delete(src.entries, was)
	dst.entries[will] = n
	src.touch()
	dst.touch()
	return nil
}

func (t *memTree) chtimes(name string, at time.Time) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.find("chtimes", name)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.modified = at
	n.mu.Unlock()
	return nil
}

func (t *memTree) close() error { return nil }
