package retry_test

import (
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

func namesOf(d *retry.Directory) []string {
	var names []string
	for _, e := range d.Entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func TestReadDirTellsWhatTheServerKnows(t *testing.T) {
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	far := time.FixedZone("far", 5*3600)
	for name, test := range map[string]struct {
		server retrytest.Config
		change func(*retry.Config)
		want   retry.Directory
		seen   time.Time
	}{
		"by MLSD": {
			want: retry.Directory{Exact: true, TellsTime: true, SetsTime: true, Hashes: true}, seen: at,
		},
		"by MLSD, whatever the zone of LIST is": {
			change: func(c *retry.Config) { c.FTP = append(c.FTP, ftp.DialWithLocation(far)) },
			want:   retry.Directory{Exact: true, TellsTime: true, SetsTime: true, Hashes: true}, seen: at,
		},
		"by LIST": {
			server: retrytest.Vsftpd(),
			want:   retry.Directory{TellsTime: true}, seen: time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC),
		},
		"by LIST, in the zone of LIST": {
			server: retrytest.Vsftpd(),
			change: func(c *retry.Config) { c.FTP = append(c.FTP, ftp.DialWithLocation(far)) },
			want:   retry.Directory{TellsTime: true}, seen: time.Date(2026, 5, 6, 0, 0, 0, 0, far),
		},
		"by LIST, with MDTM that writes": {
			server: retrytest.Vsftpd(),
			change: func(c *retry.Config) { c.FTP = append(c.FTP, ftp.DialWithWritingMDTM(true)) },
			want:   retry.Directory{TellsTime: true, SetsTime: true}, seen: time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, test.server)
			require.NoError(t, srv.WriteFile("/d/.hidden", []byte("h")))
			require.NoError(t, srv.WriteFile("/d/f", []byte("abc")))
			require.NoError(t, srv.Mkdir("/d/sub"))
			require.NoError(t, srv.Chtimes("/d/f", at))
			var changes []func(*retry.Config)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			c := client(t, srv, changes...)
			for range 2 { // what is learned of LIST -a changes nothing
				got, err := c.ReadDir(t.Context(), "/d")
				require.NoError(t, err)
				assert.Equal(t, []string{".hidden", "f", "sub"}, namesOf(got))
				i := slices.IndexFunc(got.Entries, func(e *ftp.Entry) bool { return e.Name == "f" })
				if seen := got.Entries[i].Time; seen.Hour() != 0 || got.Exact { // LIST shows the day or the minute, by the age
					assert.Equal(t, test.seen.Truncate(24*time.Hour).Day(), seen.Day())
				}
				if test.want.Exact {
					assert.True(t, test.seen.Equal(got.Entries[i].Time), got.Entries[i].Time)
				} else {
					assert.Equal(t, test.seen.Location(), got.Entries[i].Time.Location())
				}
				got.Entries = nil
				assert.Equal(t, test.want, *got)
			}
		})
	}
}

func TestReadDirProvesThatItIsADirectory(t *testing.T) {
	for name, preset := range map[string]retrytest.Config{"MLSD": {}, "LIST": retrytest.Vsftpd()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, preset)
			require.NoError(t, srv.WriteFile("/d/f", []byte("abc")))
			require.NoError(t, srv.Mkdir("/empty"))
			c := client(t, srv)
			got, err := c.ReadDir(t.Context(), "/empty")
			require.NoError(t, err)
			assert.Empty(t, got.Entries)
			_, err = c.ReadDir(t.Context(), "/gone")
			require.ErrorIs(t, err, fs.ErrNotExist)
			_, err = c.ReadDir(t.Context(), "/d/f")
			require.ErrorContains(t, err, "not a directory")
			got, err = c.ReadDir(t.Context(), "")
			require.NoError(t, err)
			assert.Equal(t, []string{"d", "empty"}, namesOf(got))
		})
	}
}

func TestReadDirCountsWhatItCannotRead(t *testing.T) {
	for name, test := range map[string]struct {
		server retrytest.Config
		lines  []string
		unread int
		names  []string
	}{
		"all of MLSD is read":     {lines: []string{"type=file;size=1;modify=20240102030405; a", "type=dir;modify=20240102030405; b"}, names: []string{"a", "b"}},
		"a line of MLSD is not":   {lines: []string{"type=file;size=1;modify=20240102030405; a", "type=file;size=x; b"}, names: []string{"a"}, unread: 1},
		"the total is no entry":   {server: retrytest.Vsftpd(), lines: []string{"total 12", "-rw-r--r--    1 u g 3 Jan 02  2024 a"}, names: []string{"a"}},
		"a line of LIST is not":   {server: retrytest.Vsftpd(), lines: []string{"-rw-r--r--    1 u g 3 Jan 02  2024 a", "-rw-r--r--    1 u g 3 2. Jan. 24 b"}, names: []string{"a"}, unread: 1},
		"the parent is no entry":  {server: retrytest.Vsftpd(), lines: []string{"drwxr-xr-x    1 u g 3 Jan 02  2024 .", "drwxr-xr-x    1 u g 3 Jan 02  2024 ..", "-rw-r--r--    1 u g 3 Jan 02  2024 a"}, names: []string{"a"}},
		"a device is not a file":  {server: retrytest.Vsftpd(), lines: []string{"crw-r--r--    1 u g 3 Jan 02  2024 a", "-rw-r--r--    1 u g 3 Jan 02  2024 b"}, names: []string{"b"}, unread: 1},
		"a total is not the rest": {server: retrytest.Vsftpd(), lines: []string{"total 12", "total 13", "-rw-r--r--    1 u g 3 Jan 02  2024 a"}, names: []string{"a"}, unread: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, test.server)
			require.NoError(t, srv.Mkdir("/d"))
			got, err := client(t, srv, func(c *retry.Config) { c.Dial = nil }, forge(test.lines...)).ReadDir(t.Context(), "/d")
			require.NoError(t, err)
			assert.Equal(t, test.names, namesOf(got))
			assert.Equal(t, test.unread, got.Unread)
		})
	}
}

func TestReadDirTellsLinksFromFiles(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.Mkdir("/d"))
	got, err := client(t, srv, func(c *retry.Config) { c.Dial = nil }, forge(
		"type=OS.unix=slink:/x;size=1;modify=20240102030405; a", "type=file;size=1;modify=20240102030405; b", "type=OS.unix=symlink;size=1;modify=20240102030405; c",
	)).ReadDir(t.Context(), "/d")
	require.NoError(t, err)
	var types []ftp.EntryType
	for _, e := range got.Entries {
		types = append(types, e.Type)
	}
	assert.Equal(t, []ftp.EntryType{ftp.EntryTypeLink, ftp.EntryTypeFile, ftp.EntryTypeLink}, types)
}

func TestReadDirThrowsAwayAListingThatIsCut(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	for _, n := range []string{"a", "b", "c"} {
		require.NoError(t, srv.WriteFile("/d/"+n, []byte("abc")))
	}
	srv.Inject(retrytest.Fault{On: "MLSD", Data: retrytest.FIN, At: 80}) // and 226
	c := client(t, srv)
	got, err := c.ReadDir(t.Context(), "/d")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, namesOf(got))
	assert.EqualValues(t, 2, c.Stats().Attempts)
}

func TestExistsIsSureOrAnError(t *testing.T) {
	for name, preset := range map[string]retrytest.Config{"MLST": {}, "without MLST": retrytest.Vsftpd()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := retrytest.NewServer(t, preset)
			require.NoError(t, srv.WriteFile("/d/f", []byte("abc")))
			c := client(t, srv)
			for path, want := range map[string]bool{"/d/f": true, "/d": true, "/d/g": false} {
				is, err := c.Exists(t.Context(), path)
				require.NoError(t, err, path)
				assert.Equal(t, want, is, path)
			}
			srv.Inject(retrytest.Fault{On: "*", Path: "/d/g", Times: -1, Reply: "550 Permission denied."})
			_, err := c.Exists(t.Context(), "/d/g")
			require.ErrorContains(t, err, "does not tell")
		})
	}
}

func TestSameContentAsksTheServerForItsHash(t *testing.T) {
	srv := retrytest.NewServer(t, retrytest.Config{})
	require.NoError(t, srv.WriteFile("/f", []byte("abc")))
	c := client(t, srv)
	for content, want := range map[string]bool{"abc": true, "abd": false} {
		same, err := c.SameContent(t.Context(), "/f", retry.Bytes([]byte(content)))
		require.NoError(t, err)
		assert.Equal(t, want, same, content)
	}
	assert.Zero(t, c.Stats().Received+c.Stats().Sent, "nothing of the file is moved")
	_, err := c.SameContent(t.Context(), "/gone", retry.Bytes(nil))
	require.ErrorIs(t, err, retry.ErrPermanent)

	none := retrytest.NewServer(t, retrytest.Vsftpd())
	require.NoError(t, none.WriteFile("/f", []byte("abc")))
	_, err = client(t, none).SameContent(t.Context(), "/f", retry.Bytes([]byte("abc")))
	require.ErrorIs(t, err, retry.ErrNoHash)
}
