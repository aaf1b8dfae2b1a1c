package retry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/retry"
	"github.com/ftpretry/ftpretry/retry/retrytest"
)

// thrice is a policy that gives up soon.
func thrice(cfg *retry.Config) { cfg.Policy.Attempts = 3 }

// The temporary file was opened by an attempt before the last one, or by one that
// was never answered.
func TestTheTemporaryOfAnEarlierAttemptIsRemoved(t *testing.T) {
	for name, faults := range map[string][]retrytest.Fault{
		"which was cut, and then no other was let in":     {lostAt("STOR", 40_000), {On: "STOR", Nth: 2, Times: -1, Reply: "450 Busy."}},
		"which was refused in the end, and then likewise": {{On: "STOR", Data: retrytest.FIN, At: 40_000, Reply: "426 Cut."}, {On: "STOR", Nth: 2, Times: -1, Reply: "450 Busy."}},
		"which was never answered":                        {{On: "STOR", After: true, Silent: true, Data: retrytest.FIN, Lose: true, Control: retrytest.FIN, Times: -1}},
		"after which no other was let in": {
			{On: "STOR", After: true, Silent: true, Data: retrytest.FIN, Lose: true, Control: retrytest.FIN}, {On: "STOR", Nth: 2, Times: -1, Reply: "450 Busy."}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, faults...)
			err := client(t, srv, atomically, thrice).Stor(t.Context(), "/f", retry.Bytes(pattern(100_000)))
			require.ErrorIs(t, err, retry.ErrAttempts)
			assert.Empty(t, srv.Names())
			assert.NotZero(t, count(srv.Commands(), "DELE /f."))
		})
	}
	t.Run("but not where none was let in", func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, always("STOR", "450 Busy."))
		require.ErrorIs(t, client(t, srv, atomically, thrice).Stor(t.Context(), "/f", retry.Bytes([]byte("x"))), retry.ErrAttempts)
		assert.Zero(t, count(srv.Commands(), "DELE"))
	})
}

// Nothing shows under the final name before the renaming, whatever became of the
// temporary one: that the upload failed is known.
func TestAnAtomicUploadThatWasNotRenamedIsKnownToHaveFailed(t *testing.T) {
	for name, fault := range map[string]retrytest.Fault{
		"where no reply came":             {On: "STOR", After: true, Lose: true, Control: retrytest.FIN, Times: -1},
		"where it could not be checked":   {On: "SIZE", Lose: true, Control: retrytest.FIN, Times: -1},
		"where it could not be begun":     {On: "STOR", Lose: true, Control: retrytest.FIN, Times: -1},
		"where the renaming was not done": always("RNFR", "450 Busy."),
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, fault)
			err := client(t, srv, atomically, thrice).Stor(t.Context(), "/f", retry.Bytes([]byte("x")))
			require.ErrorIs(t, err, retry.ErrAttempts)
			assert.NotErrorIs(t, err, retry.ErrOutcomeUnknown)
		})
	}
}

// The temporary file was taken away by somebody else, and what has the final
// name is as long as the upload.
func TestAnotherFileIsNotTakenForTheUploadNorRemoved(t *testing.T) {
	for _, replace := range []bool{false, true} {
		srv := memory(t, retrytest.Config{})
		srv.WriteFile("/f", []byte("old"))
		srv.Inject(retrytest.Fault{On: "RNFR", Run: func() {
			for _, name := range srv.Names() {
				if name != "/f" {
					_ = srv.Remove(name)
				}
			}
		}, After: true})
		cl := client(t, srv, atomically, func(cfg *retry.Config) { cfg.ReplaceByDelete = replace })
		err := cl.Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
		require.ErrorIs(t, err, retry.ErrPermanent)
		assert.NotContains(t, err.Error(), "ReplaceByDelete", "it would not help")
		holds(t, srv, "/f", "old")
	}
}

func TestWhatHasTheFinalNameIsRemovedOnlyWhereThatHelps(t *testing.T) {
	replacing := func(cfg *retry.Config) { cfg.ReplaceByDelete = true }
	for name, test := range map[string]struct {
		cfg    retrytest.Config
		faults []retrytest.Fault
		old    bool
		ok     bool
		unlike string // is not in the error
	}{
		"not where the server is busy":      {faults: []retrytest.Fault{{On: "RNTO", Reply: "450 Busy."}}, old: true, ok: true},
		"not where nothing is there":        {faults: []retrytest.Fault{always("RNTO", "553 No.")}, unlike: "Config.ReplaceByDelete"},
		"not where nobody can tell what is": {faults: []retrytest.Fault{always("RNTO", "553 No."), always("MLST", "550 Permission denied."), always("SIZE", "550 Permission denied."), always("NLST", "550 Permission denied."), always("CWD", "550 Permission denied.")}, old: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, test.cfg, test.faults...)
			if test.old {
				srv.WriteFile("/f", []byte("old"))
			}
			err := client(t, srv, atomically, replacing).Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
			assert.Zero(t, exactly(srv.Commands(), "DELE /f"))
			if test.ok {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			if test.unlike != "" {
				assert.NotContains(t, err.Error(), test.unlike)
			}
		})
	}
}

// exactly is how often the server was told this command.
func exactly(commands []string, command string) (n int) {
	for _, c := range commands {
		if c == command {
			n++
		}
	}
	return n
}

// The server renames onto no name that exists, so what had it was deleted, and
// then the reply to the renaming was lost.
func TestARenamingAfterADeletionWhoseReplyWasLostIsResolved(t *testing.T) {
	for name, test := range map[string]struct {
		fault retrytest.Fault
		ok    bool
	}{
		"it was done":          {retrytest.Fault{On: "RNTO", Nth: 2, After: true, Lose: true, Control: retrytest.RST}, true},
		"it was not done":      {retrytest.Fault{On: "RNTO", Nth: 2, Lose: true, Control: retrytest.RST}, true},
		"nobody can ever tell": {retrytest.Fault{On: "RNTO", Nth: 2, Lose: true, Control: retrytest.RST, Times: -1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{Quirks: retrytest.Quirks{KeepOnRename: true}}, test.fault)
			srv.WriteFile("/f", []byte("old"))
			err := client(t, srv, atomically, thrice, func(cfg *retry.Config) { cfg.ReplaceByDelete = true }).Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
			if !test.ok {
				require.ErrorIs(t, err, retry.ErrOutcomeUnknown)
				require.Len(t, srv.Names(), 1, "the only copy there is stays")
				assert.ErrorContains(t, err, srv.Names()[0])
				return
			}
			require.NoError(t, err)
			holds(t, srv, "/f", "new")
			assert.Equal(t, []string{"/f"}, srv.Names())
		})
	}
}

// The server renames onto no name that exists, so what had it was deleted, and
// then the renaming is refused all the same.
func TestTheOnlyCopyIsNotRemoved(t *testing.T) {
	for name, test := range map[string]struct {
		dele []retrytest.Fault
		left bool
	}{
		"after the deletion":                       {left: true},
		"after a deletion whose reply was lost":    {dele: []retrytest.Fault{{On: "DELE", Path: "/f", After: true, Lose: true, Control: retrytest.RST}}, left: true},
		"but it is where the deletion was refused": {dele: []retrytest.Fault{{On: "DELE", Path: "/f", Reply: "550 Permission denied.", Times: -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memory(t, retrytest.Config{}, append(test.dele, always("RNTO", "553 No."))...)
			srv.WriteFile("/f", []byte("old"))
			err := client(t, srv, atomically, func(cfg *retry.Config) { cfg.ReplaceByDelete = true }).Stor(t.Context(), "/f", retry.Bytes([]byte("new")))
			require.ErrorIs(t, err, retry.ErrPermanent)
			assert.NotErrorIs(t, err, retry.ErrOutcomeUnknown)
			require.Len(t, srv.Names(), 1)
			if !test.left {
				holds(t, srv, "/f", "old")
				return
			}
			assert.ErrorContains(t, err, "left as "+srv.Names()[0])
			holds(t, srv, srv.Names()[0], "new")
		})
	}
}

// What is gone already is not called left behind.
func TestATemporaryThatTheServerHasRemovedIsNotCalledLeft(t *testing.T) {
	srv := memory(t, retrytest.Config{Quirks: retrytest.Quirks{DeleteFailedUploads: true}}, retrytest.Fault{On: "STOR", Data: retrytest.FIN, At: 3, Reply: "552 Full."})
	err := client(t, srv, atomically).Stor(t.Context(), "/f", retry.Bytes([]byte("new content")))
	require.ErrorContains(t, err, "552")
	assert.NotContains(t, err.Error(), "left behind")
	assert.Equal(t, 1, count(srv.Commands(), "DELE"))
}

func TestAnEmptyUploadThatIsNotThereIsNotCalledRenamed(t *testing.T) {
	srv := memory(t, retrytest.Config{}, done("RNTO"))
	cl := client(t, srv, atomically, meanwhile(func() { _ = srv.Remove("/f") }))
	require.ErrorIs(t, cl.Stor(t.Context(), "/f", retry.Bytes(nil)), retry.ErrOutcomeUnknown)
}

// Nobody wants sizes: that the temporary name is gone and the final one there
// must do.
func TestARenamingWhoseReplyWasLostIsResolvedWithoutSizes(t *testing.T) {
	unverified := func(cfg *retry.Config) { cfg.Verify = retry.VerifyNone }
	t.Run("it was done", func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, done("RNTO"))
		require.NoError(t, client(t, srv, atomically, unverified).Stor(t.Context(), "/f", retry.Bytes([]byte("new"))))
		holds(t, srv, "/f", "new")
	})
	t.Run("it was done, and the file is gone", func(t *testing.T) {
		srv := memory(t, retrytest.Config{}, done("RNTO"))
		cl := client(t, srv, atomically, unverified, meanwhile(func() { _ = srv.Remove("/f") }))
		require.ErrorIs(t, cl.Stor(t.Context(), "/f", retry.Bytes([]byte("new"))), retry.ErrOutcomeUnknown)
	})
}

// What a failed upload leaves is tidied up without the caller's hooks and
// without his patience.
func TestTidyingUpIsNotToldAndEndsSoon(t *testing.T) {
	var r tape
	srv := memory(t, retrytest.Config{}, always("RNTO", "553 No."), always("DELE", "450 Busy."))
	cl := client(t, srv, atomically, func(cfg *retry.Config) {
		cfg.Hooks = r.hooks()
		cfg.Policy.Attempts = 50
	})
	require.ErrorContains(t, cl.Stor(t.Context(), "/f", retry.Bytes([]byte("new"))), "left behind")
	assert.LessOrEqual(t, count(srv.Commands(), "DELE"), 3)
	assert.Len(t, r.done, 1)
	assert.Empty(t, r.waits)
}

func TestAClientThatNewHasNotMadeSaysSo(t *testing.T) {
	cl := new(retry.Client).WithUpload(retry.Atomic)
	var e *retry.Error
	require.ErrorAs(t, cl.Stor(t.Context(), "/f", retry.Bytes([]byte("x"))), &e)
	assert.False(t, cl.IsTemp("f.ABCDEFGH23.ftpretry"))
	assert.Empty(t, cl.TempName("/f", "ABCDEFGH23"))
}

// A listing comes from the server, and may name what it likes.
func TestCleanTempRemovesNothingThatItCannotKnowToBeAFileOfItsOwn(t *testing.T) {
	srv := script(t, answers{
		"FEAT": features("MLSD", "MLST type*;modify*;"),
		"MLSD": sends("type=file;modify=20200101000000; ../up.ABCDEFGH23.ftpretry\r\n" +
			"type=file;modify=20200101000000; sub/down.ABCDEFGH23.ftpretry\r\n" +
			"type=dir;modify=20200101000000; dir.ABCDEFGH23.ftpretry\r\n" +
			"type=file; undated.ABCDEFGH23.ftpretry\r\n" +
			"type=file;modify=20200101000000; old.ABCDEFGH23.ftpretry\r\n"),
		"DELE": says("250 Gone."),
	}.to)
	removed, err := srv.client(t).CleanTemp(t.Context(), "/d", time.Hour)
	require.NoError(t, err)
	assert.Equal(t, []string{"/d/old.ABCDEFGH23.ftpretry"}, removed)
	assert.Equal(t, 1, count(srv.told(), "DELE"))
}

func TestCleanTempOfANegativeAgeSendsNothing(t *testing.T) {
	srv := memory(t, retrytest.Config{})
	srv.WriteFile("/d/a.csv.ABCDEFGH23.ftpretry", []byte("of an upload that is under way"))
	_, err := client(t, srv).CleanTemp(t.Context(), "/d", -time.Hour)
	require.ErrorContains(t, err, "age is negative")
	_, err = client(t, srv).CleanTemp(t.Context(), "/d\n", -time.Hour)
	require.ErrorContains(t, err, "cannot be sent", "the first mistake is told")
	assert.Empty(t, srv.Commands())
}
