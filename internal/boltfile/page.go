package boltfile

import (
	"bytes"
	"errors"
)

// element is what a page says of one of its keys: where it is, counted from the
// element itself, and of which size.
type element struct {
	at         uint64 // of the key
	key, value uint64 // sizes
}

// part returns a part of a page, if it is within it and beyond its elements.
func part(page []byte, at, size uint64) ([]byte, error) {
	if least := headerSize + uint64(order.Uint16(page[10:]))*elementSize; at < least || at > uint64(len(page)) || size > uint64(len(page))-at {
		return nil, errors.New("a key or value is outside of it")
	}
	return page[at : at+size : at+size], nil
}

// keys checks that the elements of a page are within it and in order, and calls
// each with the position of every one and its key.
func keys(page, least, limit []byte, read func(e []byte) element, each func(i int, e element, key []byte) error) error {
	count := int(order.Uint16(page[10:]))
	if headerSize+count*elementSize > len(page) {
		return errors.New("its elements are outside of it")
	}
	var before []byte
	for i := range count {
		at := headerSize + i*elementSize
		e := read(page[at : at+elementSize])
		e.at += uint64(at)
		key, err := part(page, e.at, e.key)
		switch {
		case err != nil:
			return err
		case i > 0 && bytes.Compare(before, key) >= 0, i == 0 && bytes.Compare(least, key) > 0, limit != nil && bytes.Compare(key, limit) >= 0:
			return errors.New("its keys are not in order")
		}
		if err := each(i, e, key); err != nil {
			return err
		}
		before = key
	}
	return nil
}

// leaf reads the records of a leaf page.
func leaf(page, least, limit []byte, each record) error {
	read := func(e []byte) element {
		return element{uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))}
	}
	return keys(page, least, limit, read, func(i int, e element, key []byte) error {
		value, err := part(page, e.at+e.key, e.value)
		if err != nil {
			return err
		}
		return each(key, value, order.Uint32(page[headerSize+i*elementSize:]))
	})
}

// branch reads the pages below a branch page.
func (w *walk) branch(page, least, limit []byte, depth int, each record) error {
	count := int(order.Uint16(page[10:]))
	if count == 0 {
		return errors.New("nothing is below it")
	}
	type child struct {
		key []byte
		id  uint64
	}
	children := make([]child, 0, count)
	read := func(e []byte) element { return element{at: uint64(order.Uint32(e)), key: uint64(order.Uint32(e[4:]))} }
	err := keys(page, least, limit, read, func(i int, _ element, key []byte) error {
		children = append(children, child{key, order.Uint64(page[headerSize+i*elementSize+8:])})
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range children {
		end := limit
		if i+1 < len(children) {
			end = children[i+1].key
		}
		if err := w.tree(c.id, c.key, end, depth+1, each); err != nil {
			return err
		}
	}
	return nil
}
