module github.com/ftpretry/ftpretry

go 1.25.0

require (
	github.com/cenkalti/backoff/v4 v4.3.0
	github.com/jlaffaye/ftp v0.2.4
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
