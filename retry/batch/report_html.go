package batch

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
)

//go:embed page
var pageFiles embed.FS

// page is what the template of the page is given.
type page struct {
	*digest
	CSS    template.CSS
	JS     template.JS
	Policy string // of content security: nothing is loaded, and only what stands in the page is run
	Data   drawing
}

// WriteHTML writes the report as one page that needs nothing else: no network,
// and no script but its own, which draws the timeline. Whatever a server or a
// file system had a part in is escaped. The error is that of w.
func (r *Report) WriteHTML(w io.Writer) error {
	assets, err := pageAssets()
	if err != nil {
		return err
	}
	var b bytes.Buffer // so that a browser is not left with half of a page
	if err := assets.page.Execute(&b, page{digest: r.digest(), CSS: assets.css, JS: assets.js, Policy: assets.policy, Data: r.drawing()}); err != nil {
		return fmt.Errorf("batch: cannot write the report's page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

type assets struct {
	page   *template.Template
	css    template.CSS
	js     template.JS
	policy string
}

// pageAssets reads what the page is made of.
var pageAssets = sync.OnceValues(func() (a assets, err error) {
	var css, js strings.Builder
	for _, part := range []struct {
		to   *strings.Builder
		name string
	}{{&css, "page.css"}, {&js, "scale.js"}, {&js, "draw.js"}, {&js, "input.js"}} {
		text, err := pageFiles.ReadFile("page/" + part.name)
		if err != nil {
			return a, fmt.Errorf("batch: page of the report: %w", err)
		}
		part.to.Write(text)
	}
	a.css, a.js = template.CSS(css.String()), template.JS(js.String()) //nolint:gosec // our own files
	a.policy = fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'", hashed(css.String()), hashed(js.String()))
	a.page, err = template.New("page.html").Funcs(pageWords).ParseFS(pageFiles, "page/page.html")
	return a, err
})

// hashed is how a content security policy names a script or a style sheet.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
