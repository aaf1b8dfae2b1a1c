package retry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ftpretry/ftpretry/internal/filelock"
	"github.com/ftpretry/ftpretry/internal/wire"
)

const (
	// partSuffix ends the name of a download that is not complete yet.
	partSuffix = ".part"
	// infoSuffix ends the name of what is known of the file it is a part of.
	infoSuffix = ".part.info"
)

// StorFile uploads the local file to path on the server, as Stor does with
// File(local), and gives it the modification time of the local file where the
// server can set one (MFMT, or MDTM where the option ftp.DialWithWritingMDTM
// says so).
func (c *Client) StorFile(ctx context.Context, path, local string) error {
	u := newUpload("STOR", path, File(local), c.verify)
	if info, err := os.Stat(local); err == nil {
		u.mtime = info.ModTime()
	}
	return c.stor(ctx, u)
}

// IsPart reports whether name ends as that of a file does that RetrFile has not
// completed, or of what it knows of one.
func IsPart(name string) bool {
	return strings.HasSuffix(name, partSuffix) || strings.HasSuffix(name, infoSuffix)
}

// partInfo is what a ".part" file is a part of.
type partInfo struct {
	Addr, Path string
	Size       int64
	Time       time.Time // of the last modification, as MDTM tells it
}

// fileDownload is a RETR into a local file.
type fileDownload struct {
	*download
	addr  string
	files localFiles
	local string // its name there
	f     *os.File
	old   int64 // bytes of the ".part" file that an earlier run has left and that are built upon
}

// RetrFile downloads path into the local file. The content is written to local
// with ".part" added, made durable (fsync), given the file's modification time
// where the server tells it, and renamed when it is complete: local is never a
// half-written file, and what was there before is replaced only by a whole one.
//
// A download that fails leaves its ".part" file, with a ".part.info" beside it
// that says of what. The next RetrFile of the same path continues it, if size
// and modification time on the server are still the same, and starts over if
// they are not; where the server tells no time, nothing is left, and neither
// where the local disk is full, for it to be of use to others. Two downloads
// into one local file at a time are refused on systems that have flock.
// [WithRoot] keeps it inside one directory.
func (c *Client) RetrFile(ctx context.Context, path, local string) error {
	d := &fileDownload{download: newDownload(ctx, path, nil, c.verify), addr: c.pool.addr()}
	d.dated = true
	if d.invalid == nil {
		d.invalid = d.open(ctx, local)
	}
	err := c.do(ctx, d)
	if d.f != nil {
		d.leave(err)
	}
	return err
}

// open opens the ".part" file and finds out whether it can be built upon.
func (d *fileDownload) open(ctx context.Context, local string) (err error) {
	if local == "" {
		return errors.New("local name is empty")
	}
	if d.files, d.local, err = localOf(ctx, local); err != nil {
		return err
	}
	if info, err := d.files.Stat(d.local); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory: give the name of a file", local)
	}
	if info, err := d.files.Lstat(d.local + partSuffix); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file: remove it", local+partSuffix)
	}
	f, err := d.files.OpenFile(d.local+partSuffix, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := filelock.Exclusive(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s is being written by another download: %w", f.Name(), err)
	}
	d.f, d.dst = f, f
	d.rewind = d.restart
	return d.recognise()
}

// recognise prepares to continue what an earlier run has left (tests:
// TestRetrFileContinuesWhatAnEarlierRunHasLeft,
// TestWhatIsLeftOfAnotherFileIsNotContinued,
// TestADownloadWhoseProcessWasKilledGoesOnInTheNext).
func (d *fileDownload) recognise() error {
	stat, err := d.f.Stat()
	if err != nil {
		return err
	}
	var known partInfo
	text, err := d.files.ReadFile(d.local + infoSuffix)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil || known.Addr != d.addr || known.Path != d.path || known.Time.IsZero() || stat.Size() > known.Size || stat.Size() == 0 {
		return d.restart()
	}
	d.old = stat.Size()
	d.progress, d.size, d.asked, d.mtime, d.started = d.old, known.Size, true, known.Time, true
	_, err = d.f.Seek(d.old, io.SeekStart)
	return err
}

// restart empties the ".part" file.
func (d *fileDownload) restart() error {
	d.old = 0
	if err := d.f.Truncate(0); err != nil {
		return err
	}
	_, err := d.f.Seek(0, io.SeekStart)
	return err
}

// try is one attempt, up to the final name.
func (d *fileDownload) try(ctx context.Context, s *session) error {
	if err := d.measure(s); err != nil {
		return err
	}
	d.measured = true
	if err := d.note(); err != nil {
		return &wire.CallerError{Err: err}
	}
	if d.old > 0 && d.sum == nil && d.verify == VerifyHash {
		if d.sum = s.newChecksum(); d.sum != nil {
			if _, err := io.Copy(d.sum, io.NewSectionReader(d.f, 0, d.old)); err != nil {
				return &wire.CallerError{Err: err}
			}
		}
	}
	if err := d.download.try(ctx, s); err != nil {
		return err
	}
	if err := d.keep(); err != nil {
		return &wire.CallerError{Err: err}
	}
	return nil
}

// note writes down what the ".part" file will be a part of, before its first
// byte.
func (d *fileDownload) note() error {
	if d.progress > 0 {
		return nil
	}
	if d.mtime.IsZero() || d.size < 0 {
		return d.forget()
	}
	text, err := json.Marshal(partInfo{Addr: d.addr, Path: d.path, Size: d.size, Time: d.mtime})
	if err != nil {
		return err
	}
	return d.files.WriteFile(d.local+infoSuffix, text, 0o666)
}

// forget removes what is known of the ".part" file.
func (d *fileDownload) forget() error {
	if err := d.files.Remove(d.local + infoSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keep makes the file durable and gives it its final name. What fails here is
// the caller's (tests: TestAPartFileThatIsReplacedMeanwhileIsNotRenamed,
// TestAPartFileThatSomebodyElseWritesToIsNotRenamed,
// TestARenamingOfThePartThatFailsIsAnErrorLikeAnyOther).
func (d *fileDownload) keep() error {
	ours, err := d.f.Stat()
	if err != nil {
		return err
	}
	if there, err := d.files.Lstat(d.local + partSuffix); err != nil || !os.SameFile(ours, there) || ours.Size() != d.progress {
		return fmt.Errorf("%s was changed by somebody else during the download", d.f.Name())
	}
	if err := d.f.Sync(); err != nil {
		return fmt.Errorf("download is complete but could not be made durable: %w", err)
	}
	if !d.mtime.IsZero() {
		_ = d.files.Chtimes(d.local+partSuffix, time.Time{}, d.mtime) // where the file system can
	}
	if err := d.files.Rename(d.local+partSuffix, d.local); err != nil {
		return fmt.Errorf("download is complete but could not be renamed: %w", err)
	}
	_ = d.forget()
	if dir, err := d.files.OpenFile(filepath.Dir(d.local), os.O_RDONLY, 0); err == nil {
		_ = dir.Sync() // not every system can
		_ = dir.Close()
	}
	return nil
}

// leave closes the ".part" file, and removes it where it is of no use.
func (d *fileDownload) leave(err error) {
	if err != nil && (d.progress == 0 || d.mtime.IsZero() || errors.Is(err, syscall.ENOSPC)) {
		_ = d.files.Remove(d.local + partSuffix)
		_ = d.forget()
	}
	_ = d.f.Close()
}
