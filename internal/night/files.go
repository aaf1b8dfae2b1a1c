package night

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// File is one of the night's files.
type File struct {
	Name string // on the server
	Size int64
	seed uint64
}

// names are what a shop sends home at night.
var names = []struct{ dir, stem, ext string }{
	{"orders", "order", "csv"}, {"invoices", "invoice", "pdf"}, {"stock", "stock", "xml"}, {"images", "article", "jpg"},
}

// files invents count files: most of some KiB, and one in a hundred of some
// hundred.
func files(count int, r *rand.Rand) []File {
	all := make([]File, count)
	for i := range all {
		n := names[i%len(names)]
		size := int64(r.ExpFloat64()*2048) + 1
		if r.IntN(100) == 0 {
			size = 128<<10 + r.Int64N(384<<10)
		}
		all[i] = File{Name: fmt.Sprintf("/%s/%s-%05d.%s", n.dir, n.stem, i, n.ext), Size: size, seed: r.Uint64()}
	}
	return all
}

// Content is the same each time.
func (f File) Content() []byte {
	r := rand.NewPCG(f.seed, 1)
	b := make([]byte, f.Size+8)
	for i := int64(0); i < f.Size; i += 8 {
		v := r.Uint64()
		for j := range int64(8) {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b[:f.Size]
}

// Local is where the file is in dir.
func (f File) Local(dir string) string { return filepath.Join(dir, filepath.FromSlash(f.Name)) }

// Fill writes the files into dir.
func (n *Night) Fill(dir string) error {
	for _, f := range n.Files {
		name := f.Local(dir)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Content(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Dirs are the directories on the server that the files are in.
func (n *Night) Dirs() []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = "/" + name.dir
	}
	return all
}
