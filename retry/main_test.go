package retry_test

import (
	"os"
	"testing"

	"github.com/ftpretry/ftpretry/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }
