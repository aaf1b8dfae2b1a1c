// Package boltfile reads a file of go.etcd.io/bbolt without trusting a byte of
// it. bbolt maps its file and follows what stands there: a damaged one makes it
// panic, run in circles or read beyond the end, which kills the program
// (SIGBUS). A file in which [Walk] finds nothing wrong can be given to it.
//
// The format is that of bbolt v1 (version 2 of the file): pages, each with a
// header; pages 0 and 1 are metas, of which the valid one with the higher
// transaction counts; from its root a B+tree of branch and leaf pages. Numbers
// are in the byte order of the machine.
package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// ErrForeign is what Walk returns of a file that is none of bbolt's.
var ErrForeign = errors.New("not a database of bbolt")

const (
	magic   = 0xED0CDAED
	version = 2

	headerSize  = 16
	metaSize    = 64 // after the header
	checksumAt  = 56
	elementSize = 16
	bucketSize  = 16 // at the start of a bucket's value: root page and sequence
	isBranch    = 1
	isLeaf      = 2
	isMeta      = 4
	isBucket    = 1
	noFreelist  = ^uint64(0)
	leastPage   = 1024
	mostPage    = leastPage << 14
	deepest     = 32 // levels of pages
)

var order = binary.NativeEndian

// meta is what a meta page says.
type meta struct {
	pageSize       int64
	root, freelist uint64
	pages          uint64 // all below it are in use or free
	tx             uint64
}

// readMeta reads the meta page at an offset; false if there is none.
func readMeta(f io.ReaderAt, at int64) (m meta, ok bool) {
	var b [headerSize + metaSize]byte
	if n, _ := f.ReadAt(b[:], at); n < len(b) {
		return m, false
	}
	p := b[headerSize:]
	sum := fnv.New64a()
	_, _ = sum.Write(p[:checksumAt])
	if order.Uint32(p) != magic || order.Uint32(p[4:]) != version || order.Uint64(p[checksumAt:]) != sum.Sum64() {
		return m, false
	}
	m = meta{
		pageSize: int64(order.Uint32(p[8:])), root: order.Uint64(p[16:]),
		freelist: order.Uint64(p[32:]), pages: order.Uint64(p[40:]), tx: order.Uint64(p[48:]),
	}
	return m, true
}

// sound reports whether bbolt could have made pages of this size.
func (m meta) sound() bool {
	return m.pageSize >= leastPage && m.pageSize <= mostPage && m.pageSize&(m.pageSize-1) == 0
}

// current finds the meta that counts.
func current(f io.ReaderAt) (meta, error) {
	first, ok := readMeta(f, 0)
	if ok {
		if !first.sound() {
			return meta{}, fmt.Errorf("it has pages of %d bytes", first.pageSize)
		}
		if second, ok := readMeta(f, first.pageSize); ok && second.tx > first.tx {
			if second.pageSize != first.pageSize {
				return meta{}, errors.New("its two meta pages do not agree")
			}
			return second, nil
		}
		return first, nil
	}
	for size := int64(leastPage); size <= mostPage; size <<= 1 {
		if second, ok := readMeta(f, size); ok && second.pageSize == size {
			return second, nil
		}
	}
	return meta{}, ErrForeign
}

// Walk reads the whole of a database of the given size whose list of free pages
// is not kept (bbolt's NoFreelistSync), and calls visit for each record with the
// name of its bucket. Buckets within buckets are not expected. The slices are
// good until visit returns. An error of visit's ends the walk.
func Walk(f io.ReaderAt, size int64, visit func(bucket string, key, value []byte) error) error {
	m, err := current(f)
	if err != nil {
		return err
	}
	if m.pages < 3 || m.pages > uint64(size/m.pageSize) {
		return fmt.Errorf("it has %d bytes, and %d pages of %d bytes are said to be in it: it was cut off", size, m.pages, m.pageSize)
	}
	if m.freelist != noFreelist {
		return errors.New("it keeps a list of free pages")
	}
	for id := range uint64(2) {
		// bbolt takes a meta page whatever its header says, and then stumbles over that.
		var b [headerSize]byte
		if _, err := f.ReadAt(b[:], int64(id)*m.pageSize); err != nil {
			return err
		}
		if order.Uint64(b[:]) != id || order.Uint16(b[8:]) != isMeta {
			return fmt.Errorf("page %d does not say that it is a meta page", id)
		}
	}
	w := &walk{f: f, meta: m, seen: make([]uint64, m.pages/64+1)}
	return w.tree(m.root, nil, nil, 0, func(key, value []byte, flags uint32) error {
		if flags != isBucket {
			return errors.New("a record stands where a bucket must be")
		}
		return w.bucket(string(key), value, visit)
	})
}

// walk is one reading of a file.
type walk struct {
	f io.ReaderAt
	meta
	seen []uint64 // bits of pages that were read
}

// record takes an element of a leaf.
type record func(key, value []byte, flags uint32) error

// bucket reads a bucket from the value that describes it. A small one stands in
// it whole.
func (w *walk) bucket(name string, value []byte, visit func(bucket string, key, value []byte) error) error {
	if len(value) < bucketSize {
		return fmt.Errorf("bucket %q is cut off", name)
	}
	each := func(key, value []byte, flags uint32) error {
		if flags != 0 {
			return fmt.Errorf("bucket %q holds another one", name)
		}
		return visit(name, key, value)
	}
	root := order.Uint64(value)
	if root != 0 {
		return w.tree(root, nil, nil, 0, each)
	}
	page := value[bucketSize:]
	if len(page) < headerSize || order.Uint16(page[8:]) != isLeaf {
		return fmt.Errorf("bucket %q is cut off", name)
	}
	return leaf(page, nil, nil, each)
}

// tree reads a page and all below it. Its keys are from least on and below
// limit; nil = any.
func (w *walk) tree(id uint64, least, limit []byte, depth int, each record) error {
	page, err := w.page(id)
	switch {
	case err != nil:
		return err
	case depth > deepest:
		return errors.New("its tree is too deep")
	}
	switch kind := order.Uint16(page[8:]); kind {
	case isLeaf:
		err = leaf(page, least, limit, each)
	case isBranch:
		err = w.branch(page, least, limit, depth, each)
	default:
		err = fmt.Errorf("it is of no kind (%#x)", kind)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return err
}

// page reads a page that nothing else may refer to.
func (w *walk) page(id uint64) ([]byte, error) {
	if id < 2 || id >= w.pages {
		return nil, fmt.Errorf("page %d is not one of its %d pages", id, w.pages)
	}
	header := make([]byte, headerSize)
	if _, err := w.f.ReadAt(header, int64(id)*w.pageSize); err != nil {
		return nil, err
	}
	count := uint64(order.Uint32(header[12:])) + 1
	if order.Uint64(header) != id || count > w.pages-id {
		return nil, fmt.Errorf("page %d says that it is page %d, of %d", id, order.Uint64(header), count)
	}
	for i := id; i < id+count; i++ {
		if w.seen[i/64]&(1<<(i%64)) != 0 {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		w.seen[i/64] |= 1 << (i % 64)
	}
	page := make([]byte, count*uint64(w.pageSize))
	_, err := w.f.ReadAt(page, int64(id)*w.pageSize)
	return page, err
}
