module github.com/ftpretry/ftpretry

go 1.25.0
