package retry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ftpretry/ftpretry/internal/filelock"
)

const (
	// partSuffix ends the name of a download that is not complete yet.
	partSuffix = ".part"
	// infoSuffix, after that, ends the name of what is known of the file it is a
	// part of.
	infoSuffix = ".info"
	// longestName is what most file systems allow.
	longestName = 255
)

// partName is the name of local's ".part" file. One that would be too long, with
// the name of what is known of it, is shortened, and told from others that begin
// like it by a hash.
func partName(local string) string {
	dir, base := filepath.Split(local)
	if len(base)+len(partSuffix)+len(infoSuffix) > longestName {
		sum := sha256.Sum256([]byte(base))
		base = fmt.Sprintf("%s.%x", strings.ToValidUTF8(base[:200], ""), sum[:8])
	}
	return dir + base + partSuffix
}

// IsPart reports whether name ends as that of a file does that RetrFile has not
// completed, or of what it knows of one.
func IsPart(name string) bool {
	return strings.HasSuffix(name, partSuffix) || strings.HasSuffix(name, partSuffix+infoSuffix)
}

// partInfo is what a ".part" file is a part of.
type partInfo struct {
	Addr, Path string
	Size       int64
	Time       time.Time // of the last modification, as MDTM tells it
	Boot       string    // of the machine, when it was written
}

// boot is what the system calls the time since it was started, "" where it has
// no name for it. What was written before and not made durable may be lost, a
// length without its content included.
func boot() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // proc(5); not everybody has it
	return strings.TrimSpace(string(id))
}

// fsync makes a file durable; a test looks on.
var fsync = (*os.File).Sync

// open opens the ".part" file and finds out whether it can be built upon (tests:
// TestAMistakenLocalNameIsToldBeforeAnythingIsSent,
// TestTwoDownloadsIntoOneFileAreRefused).
func (d *fileDownload) open(ctx context.Context, local string) (err error) {
	if local == "" {
		return errors.New("local name is empty")
	}
	if d.files, d.local, err = localOf(ctx, local); err != nil {
		return err
	}
	d.part = partName(d.local)
	perm := fs.FileMode(0o666)
	if info, err := d.files.Stat(d.local); err == nil {
		switch {
		case info.IsDir():
			return fmt.Errorf("%s is a directory: give the name of a file", printable(local))
		case info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
			return fmt.Errorf("%s is not a regular file: use Retr to write to it", printable(local))
		}
		perm = info.Mode().Perm() | 0o600
	}
	for _, name := range []string{d.part, d.part + infoSuffix} {
		if info, err := d.files.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file: remove it", printable(name))
		}
	}
	f, err := d.files.OpenFile(d.part, os.O_RDWR|os.O_CREATE, perm)
	if err != nil {
		return err
	}
	if err := filelock.Exclusive(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s is being written by another download: %w", printable(f.Name()), err)
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
	if there, err := d.files.Lstat(d.part); err != nil || !os.SameFile(stat, there) {
		return fmt.Errorf("%s was replaced by somebody else: remove it", printable(d.f.Name()))
	}
	var known partInfo
	text, err := d.files.ReadFile(d.part + infoSuffix)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil || known.Addr != d.addr || known.Path != d.path || known.Boot != boot() || known.Time.IsZero() || stat.Size() > known.Size || stat.Size() == 0 {
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

// note writes down what the ".part" file will be a part of, before its first
// byte (test: TestWhatIsKnownOfAPartThatCannotBeWrittenDownEndsTheDownload).
func (d *fileDownload) note() error {
	if d.progress > 0 {
		return nil
	}
	if err := d.forget(); err != nil || d.mtime.IsZero() || d.size < 0 {
		return err
	}
	text, err := json.Marshal(partInfo{Addr: d.addr, Path: d.path, Size: d.size, Time: d.mtime, Boot: boot()})
	if err != nil {
		return err
	}
	// It was not there a moment ago: what is there now is somebody else's, a
	// link to a file that is to be overwritten, say.
	f, err := d.files.OpenFile(d.part+infoSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// forget removes what is known of the ".part" file.
func (d *fileDownload) forget() error {
	if err := d.files.Remove(d.part + infoSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// keep makes the file durable and gives it its final name. What fails here is
// the caller's (tests: TestAPartFileThatIsReplacedMeanwhileIsNotRenamed,
// TestAPartFileThatSomebodyElseWritesToIsNotRenamed,
// TestARenamingOfThePartThatFailsIsAnErrorLikeAnyOther,
// TestADownloadIsMadeDurableBeforeItIsRenamed).
func (d *fileDownload) keep() error {
	ours, err := d.f.Stat()
	if err != nil {
		return err
	}
	if there, err := d.files.Lstat(d.part); err != nil || !os.SameFile(ours, there) || ours.Size() != d.progress {
		return fmt.Errorf("%s was changed by somebody else during the download", printable(d.f.Name()))
	}
	if old, err := d.files.Stat(d.local); err == nil {
		_ = d.f.Chmod(old.Mode().Perm()) // where the file system can
	}
	if err := fsync(d.f); err != nil {
		return fmt.Errorf("download is complete but could not be made durable: %w", err)
	}
	if settable(d.mtime) {
		_ = d.files.Chtimes(d.part, time.Time{}, d.mtime) // likewise
	}
	if err := d.files.Rename(d.part, d.local); err != nil {
		return fmt.Errorf("download is complete but could not be renamed: %w", err)
	}
	_ = d.forget()
	if dir, err := d.files.OpenFile(filepath.Dir(d.local), os.O_RDONLY, 0); err == nil {
		_ = fsync(dir) // not every system can
		_ = dir.Close()
	}
	return nil
}

// settable reports whether a file can be given the time t: package os counts
// nanoseconds, and gives it another one where they are too many.
func settable(t time.Time) bool {
	return !t.IsZero() && t.Equal(time.Unix(0, t.UnixNano()))
}

// leave closes the ".part" file, and removes it where it is of no use.
func (d *fileDownload) leave(err error) {
	if err != nil && (d.progress == 0 || d.mtime.IsZero() || errors.Is(err, syscall.ENOSPC)) {
		_ = d.files.Remove(d.part)
		_ = d.forget()
	}
	_ = d.f.Close()
}
