module github.com/ftpretry/ftpretry/internal/compare/goftp

go 1.25.0

require github.com/secsy/goftp v0.0.0-20200609142545-aa2de14babf4
