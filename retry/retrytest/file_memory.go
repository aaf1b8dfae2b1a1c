package retrytest

import (
	"io"
	"sync/atomic"
	"syscall"
	"time"
)

// blockSize is the size of every block of a file in memory but the last.
const blockSize = bufferSize

// blocks is a file's content. A block that is nil stands for zeros, so that
// holes cost nothing. Bytes that a reader may have seen are never changed in
// place: writing behind the end of a block is invisible to a reader that holds
// a shorter slice of it, and overwriting clones the block first. A reader
// therefore needs no lock while it sends.
type blocks struct {
	size int64
	list [][]byte
}

var zeros [blockSize]byte

// view returns the bytes at off up to the end of their block.
func (b *blocks) view(off int64) []byte {
	if off >= b.size {
		return nil
	}
	start := off % blockSize
	end := min(blockSize, b.size-off+start)
	block := b.list[off/blockSize]
	if start >= int64(len(block)) {
		// A hole, or the part of a block beyond what was ever written to it.
		return zeros[start:end]
	}
	return block[start:min(end, int64(len(block)))]
}

// resize sets the size; what is gained reads as zeros.
func (b *blocks) resize(size int64) {
	count := int((size + blockSize - 1) / blockSize)
	for len(b.list) < count {
		b.list = append(b.list, nil)
	}
	clear(b.list[count:])
	b.list = b.list[:count]
	if rest := int(size % blockSize); size < b.size && rest > 0 && len(b.list[count-1]) > rest {
		// The capacity goes too: what is written there next must not land in
		// bytes that a reader of the longer block still sends.
		b.list[count-1] = b.list[count-1][:rest:rest]
	}
	b.size = size
}

// put writes p at off, which may be beyond the end.
func (b *blocks) put(p []byte, off int64) {
	if end := off + int64(len(p)); end > b.size {
		b.resize(end)
	}
	for len(p) > 0 {
		i, start := off/blockSize, int(off%blockSize)
		n := min(len(p), blockSize-start)
		least := 0
		if i > 0 {
			least = blockSize // a large file: spare it the growing
		}
		b.list[i] = overwrite(b.list[i], p[:n], start, least)
		p, off = p[n:], off+int64(n)
	}
}

// overwrite returns the block with p at start, in room for at least least bytes.
func overwrite(block, p []byte, start, least int) []byte {
	if start == len(block) {
		if cap(block)-start < len(p) {
			grown := make([]byte, start, max(least, min(blockSize, 2*cap(block)), start+len(p)))
			copy(grown, block)
			block = grown
		}
		return append(block, p...)
	}
	fresh := make([]byte, max(len(block), start+len(p)))
	copy(fresh, block)
	copy(fresh[start:], p)
	return fresh
}

// capacity is the room of a tree in memory.
type capacity struct {
	limit   int64 // 0 = no limit
	discard bool
	used    atomic.Int64
}

// take reserves n bytes, or as many as are left.
func (c *capacity) take(n int64) int64 {
	if c.limit == 0 {
		return n
	}
	for {
		used := c.used.Load()
		got := min(n, max(0, c.limit-used))
		if c.used.CompareAndSwap(used, used+got) {
			return got
		}
	}
}

func (c *capacity) free(n int64) {
	if c.limit != 0 {
		c.used.Add(-n)
	}
}

// memFile is an open file of a memTree.
type memFile struct {
	*node
	disk *capacity
}

func (f *memFile) size() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blocks.size
}

func (f *memFile) truncate(n int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modified = time.Now()
	f.disk.free(f.blocks.size - n)
	f.blocks.resize(n)
	return nil
}

func (f *memFile) close() error { return nil }

func (f *memFile) sendTo(w io.Writer, off int64) (int64, error) {
	return f.sendSome(w, off, 1<<62)
}

func (f *memFile) sendSome(w io.Writer, off, n int64) (moved int64, err error) {
	for moved < n {
		f.mu.Lock()
		p := f.blocks.view(off + moved)
		f.mu.Unlock()
		if len(p) == 0 {
			break
		}
		wrote, err := w.Write(p[:min(int64(len(p)), n-moved)])
		moved += int64(wrote)
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

func (f *memFile) receive(r io.Reader, off, n int64) (int64, error) {
	return copyIn(r, off, n, f.writeAt)
}

// writeAt stores as much of p as there is room for.
func (f *memFile) writeAt(p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.modified = time.Now()
	full := false
	if grow := off + int64(len(p)) - f.blocks.size; grow > 0 {
		got := f.disk.take(grow)
		if full = got < grow; full {
			p = p[:max(0, int64(len(p))-(grow-got))]
		}
	}
	if f.disk.discard {
		if end := off + int64(len(p)); end > f.blocks.size {
			f.blocks.resize(end)
		}
	} else if len(p) > 0 {
		f.blocks.put(p, off)
	}
	if full {
		return syscall.ENOSPC
	}
	return nil
}
