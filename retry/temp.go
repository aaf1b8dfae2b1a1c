package retry

import (
	"context"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

// The parts of Config.TempName that are filled in.
const (
	tempOfName   = "{name}"
	tempOfRandom = "{random}"

	// tempStandard begins with the final name, so that a file that is left
	// over tells what it was meant to be, and ends unlike it, so that nobody
	// takes it for that.
	tempStandard = tempOfName + "." + tempOfRandom + ".ftpretry"

	tempDigits = 10
)

// settleTemp fills in Config.TempName and validates it.
func (c *Config) settleTemp() error {
	if c.TempName == "" {
		c.TempName = tempStandard
	}
	fixed := strings.NewReplacer(tempOfName, "", tempOfRandom, "").Replace(c.TempName)
	if strings.Count(c.TempName, tempOfRandom) != 1 || strings.Count(c.TempName, tempOfName) > 1 ||
		strings.ContainsAny(fixed, "/\\{}") || checkText(fixed) != nil || fixed == "" {
		return &ConfigError{"TempName", strconv.Quote(c.TempName),
			`a name with {random} once, {name} at most once, and something of its own, such as ".{name}.{random}.tmp"`}
	}
	return nil
}

// tempName makes a temporary name in the directory of name, with random for the
// part that makes it unique (test: TestLongNamesHaveTemporaryNamesThatFit).
func (c *Config) tempName(name, random string) string {
	dir, base := path.Split(name)
	if len(base) > 200 { // most file systems end at 255
		base = strings.ToValidUTF8(base[:200], "")
	}
	return dir + strings.NewReplacer(tempOfName, base, tempOfRandom, random).Replace(c.TempName)
}

// tempNames matches what tempName makes.
func (c *Config) tempNames() *regexp.Regexp {
	text := regexp.QuoteMeta(c.TempName)
	text = strings.Replace(text, regexp.QuoteMeta(tempOfName), ".*", 1)
	text = strings.Replace(text, regexp.QuoteMeta(tempOfRandom), "[A-Z2-7]{10}", 1)
	return regexp.MustCompile("^" + text + "$")
}

// IsTemp reports whether name, a name in a directory of the server, is one that
// an atomic upload of this client could have made for its temporary file.
func (c *Client) IsTemp(name string) bool {
	return c.pool != nil && c.pool.endpoint.temps().MatchString(name)
}

var errOlderThan = errors.New("age is negative: nothing is older than that")

// CleanTemp deletes the temporary files of atomic uploads in dir that were last
// modified more than olderThan ago, and returns their paths: what runs of this
// client, and of others with the same Config.TempName, have left when they were
// killed. Choose olderThan longer than any upload takes, and longer than the
// clocks of server and client may differ; times of a server without MLSD are
// those of its listing, for which see ftp.DialWithLocation.
//
// It goes on after a file that cannot be deleted; the first such error is
// returned.
func (c *Client) CleanTemp(ctx context.Context, dir string, olderThan time.Duration) (removed []string, err error) {
	list := listing(dir)
	if list.invalid == nil && olderThan < 0 {
		list.invalid = errOlderThan
	}
	if err := c.do(ctx, list); err != nil {
		return nil, err
	}
	// Test: TestCleanTempRemovesNothingThatItCannotKnowToBeAFileOfItsOwn.
	before := time.Now().Add(-olderThan)
	for _, e := range list.answer {
		if e.Type != ftp.EntryTypeFile || e.Time.IsZero() || !e.Time.Before(before) || !c.IsTemp(e.Name) || checkName(e.Name) != nil {
			continue
		}
		name := within(dir, e.Name)
		if e := c.do(ctx, removing("DELE", name)); e != nil {
			if err == nil {
				err = e
			}
			continue
		}
		removed = append(removed, name)
	}
	return removed, err
}
