package retry

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// content opens the source; what it fails of is the caller's (test:
// TestAnUploadThatCannotBeReadIsToldBeforeAnythingIsSent).
func (u *upload) content(offset int64) (io.ReadCloser, error) {
	content, err := u.src.Open(offset)
	switch {
	case err == nil && content == nil:
		return nil, &wire.CallerError{Err: errors.New("source's Open returned neither a reader nor an error")}
	case err == nil:
		if file, ok := content.(*os.File); ok {
			if err := u.unchanged(file); err != nil {
				_ = file.Close()
				return nil, err
			}
		}
		return content, nil
	}
	var stated *final
	if errors.As(err, &stated) {
		return nil, err
	}
	return nil, &wire.CallerError{Err: err}
}

// unchanged proves that a local file is what it was when bytes of it were sent
// first: the rest of another one, of the same size, would not be missed (test:
// TestALocalFileThatIsChangedMeanwhileIsNotCalledStored).
func (u *upload) unchanged(file *os.File) error {
	now, err := file.Stat()
	if err != nil {
		return &wire.CallerError{Err: err}
	}
	if was := u.file; was != nil && u.out > 0 && (!os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime())) {
		return &wire.CallerError{Err: fmt.Errorf("source changed during the upload: %s is not what it was", printable(file.Name()))}
	}
	u.file = now
	return nil
}

// hashAll computes the checksum of the whole source, for an upload that was built
// upon an earlier attempt's: its seam is not proven by a size (test:
// TestASourceThatIsAnotherWhenItIsHashedEndsTheUpload).
func (u *upload) hashAll(s *session) error {
	if u.sum = s.newChecksum(); u.sum == nil {
		return nil
	}
	content, err := u.content(0)
	if err != nil {
		return err
	}
	defer content.Close()
	switch n, err := io.Copy(u.sum, plainReader(content)); {
	case err != nil:
		return &wire.CallerError{Err: err}
	case n != u.sent:
		return &wire.CallerError{Err: fmt.Errorf("source changed during the upload: %d bytes of it were sent, and it has %d now", u.sent, n)}
	}
	return nil
}

// plainReader hides WriteTo, through which a failure of the caller's could not
// be told from the connection's. Files keep it, for sendfile, and so does
// memory, which does not fail.
func plainReader(r io.ReadCloser) io.Reader {
	switch r.(type) {
	case *os.File, keptOpen, memory:
		return r
	}
	return struct{ io.Reader }{r}
}
