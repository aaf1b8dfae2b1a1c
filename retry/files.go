package retry

import (
	"context"
	"io"
	"os"

	"github.com/ftpretry/ftpretry/internal/wire"
)

// StorFile uploads the local file to path on the server, as Stor does with
// File(local), and gives it the modification time of the local file where the
// server can set one (MFMT, or MDTM where the option ftp.DialWithWritingMDTM
// says so).
func (c *Client) StorFile(ctx context.Context, path, local string) error {
	u := newUpload("STOR", path, File(local), c.verify)
	if info, err := os.Stat(local); err == nil && info.ModTime().UTC().Year() <= 9999 { // which MFMT has four digits for
		u.mtime = info.ModTime()
	}
	return c.stor(ctx, u)
}

// fileDownload is a RETR into a local file.
type fileDownload struct {
	*download
	addr  string
	files localFiles
	local string // its name there
	part  string // that of its ".part" file
	f     *os.File
	old   int64 // bytes of the ".part" file that an earlier run has left and that are built upon
}

// RetrFile downloads path into the local file. The content is written to local
// with ".part" added, made durable (fsync), given the file's modification time
// where the server tells it, and renamed when it is complete: local is never a
// half-written file, and what was there before is replaced only by a whole one,
// which has its permissions. A symbolic link is replaced, not followed, and what
// is neither a file nor a link to one is an error.
//
// A download that fails leaves its ".part" file, with a ".part.info" beside it
// that says of what. The next RetrFile of the same path continues it, if size
// and modification time on the server are still the same, and starts over if
// they are not, or if the machine was started anew since, on Linux: what was not
// made durable may be a file with holes then. Where the server tells no time,
// nothing is left, and neither where the local disk is full, for it to be of use
// to others. Two downloads into one local file at a time are refused on systems
// that have flock. A long name is shortened for the two.
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
