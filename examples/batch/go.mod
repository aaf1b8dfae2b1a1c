module github.com/ftpretry/ftpretry/examples/batch

go 1.25.0

require (
	github.com/ftpretry/ftpretry v0.0.0-00010101000000-000000000000
	github.com/goccy/go-yaml v1.19.2
	github.com/jlaffaye/ftp v0.2.4
	github.com/mattn/go-runewidth v0.0.20
	github.com/stretchr/testify v1.12.1
	github.com/vbauerster/mpb/v8 v8.12.0
)

require (
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.45.0 // indirect
)

replace github.com/ftpretry/ftpretry => ../..
