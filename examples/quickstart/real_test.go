//go:build linux

package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ftpretry/ftpretry/internal/ftpd"
)

func TestRealServersAreLeftAsTheyWere(t *testing.T) {
	ftpd.Require(t)
	for _, kind := range ftpd.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			srv := ftpd.Start(t, kind, ftpd.Options{})
			t.Setenv(passwordVariable, srv.Password)
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), []string{"-addr", srv.Addr, "-user", srv.User, "-tree", localTree(t)}, &out), out.String())
			require.Contains(t, out.String(), "all 4 files identical")
			left, err := os.ReadDir(srv.Root)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
