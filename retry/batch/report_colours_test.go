package batch_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sights are how linear RGB is seen: Machado, Oliveira and Fernandes, "A
// Physiologically-based Model for Simulation of Color Vision Deficiency", 2009,
// at the full severity.
var sights = map[string][3][3]float64{
	"colours":         {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"red-blindness":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"green-blindness": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"blue-blindness":  {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// linear is a colour of CSS, "rrggbb", in linear RGB (IEC 61966-2-1).
func linear(t *testing.T, hex string) (c [3]float64) {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 24)
	require.NoError(t, err)
	for i := range c {
		v := float64(n>>(16-8*i)&0xff) / 255
		if c[i] = v / 12.92; v > 0.04045 {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// times is m times c, cut to what a screen can show.
func times(m [3][3]float64, c [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return out
}

// lab is a colour in CIE 1976 L*a*b*, by the white of D65.
func lab(c [3]float64) [3]float64 {
	xyz := times([3][3]float64{{0.4339, 0.3763, 0.1899}, {0.2126, 0.7152, 0.0722}, {0.0177, 0.1095, 0.8728}}, c) // of white
	for i, v := range xyz {
		if xyz[i] = 7.787*v + 16.0/116; v > 0.008856 {
			xyz[i] = math.Cbrt(v)
		}
	}
	return [3]float64{116*xyz[1] - 16, 500 * (xyz[0] - xyz[1]), 200 * (xyz[1] - xyz[2])}
}

// contrast is that of two colours (WCAG 2.2).
func contrast(a, b [3]float64) float64 {
	light := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(light(a), light(b)) / min(light(a), light(b))
}

// TestWhatTheReportTellsByColoursIsToldApartByTheColourBlind wants of every two
// of them a distance (CIE76) of several times what is just noticed, which is 2.3,
// and of those that words are written in that they can be read.
func TestWhatTheReportTellsByColoursIsToldApartByTheColourBlind(t *testing.T) {
	const apart, readable = 20, 4.5
	css, err := os.ReadFile("page/page.css")
	require.NoError(t, err)
	light, dark, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	require.True(t, ok)
	for theme, text := range map[string]string{"light": light, "dark": dark} {
		shown := map[string][3]float64{}
		for _, m := range regexp.MustCompile(`--(\w+): #([0-9a-f]{6});`).FindAllStringSubmatch(text, -1) {
			shown[m[1]] = linear(t, m[2])
		}
		told := []string{"done", "again", "failed", "unknown", "wait", "outage", "idle"}
		for i, a := range told {
			require.Contains(t, shown, a)
			for _, b := range told[:i] {
				for sight, m := range sights {
					x, y := lab(times(m, shown[a])), lab(times(m, shown[b]))
					d := math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
					assert.Greater(t, d, float64(apart), "%s and %s, %s, in the %s page", a, b, sight, theme)
				}
			}
		}
		for _, word := range []string{"ink", "soft", "good", "bad", "failed", "unknown"} {
			assert.Greater(t, contrast(shown[word], shown["card"]), readable, "%s, in the %s page", word, theme)
		}
	}
}
