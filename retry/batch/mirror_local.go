package batch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ftpretry/ftpretry/retry"
)

// inRoot does what a mirror does here besides transfers.
func inRoot(ctx context.Context, job Job) error {
	root := retry.RootOf(ctx)
	name, err := below(root, job.Local)
	if err != nil {
		return err
	}
	if job.Kind == LocalDelete {
		if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	err = root.Mkdir(name, 0o777)
	if err == nil {
		return nil
	}
	if info, there := root.Lstat(name); there == nil && info.IsDir() {
		return nil
	}
	return err
}

// setTimeIn gives the file of a download its time.
func setTimeIn(root *os.Root, job Job) error {
	name, err := below(root, job.Local)
	if err != nil {
		return err
	}
	return root.Chtimes(name, time.Time{}, job.Time)
}

// below is the name in root of a local name.
func below(root *os.Root, local string) (string, error) {
	name, err := filepath.Rel(root.Name(), local)
	if err != nil || !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q is not below %q", local, root.Name())
	}
	return name, nil
}
