//go:build unix

package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"slices"
)

// smaller is a PNG of 256 colours at most: those that it has most of, and those
// that are like none of them. The others come of the smoothing of edges.
func smaller(text []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	times := make(map[color.RGBA]int)
	for y := full.Bounds().Min.Y; y < full.Bounds().Max.Y; y++ {
		for x := full.Bounds().Min.X; x < full.Bounds().Max.X; x++ {
			c, _ := color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)
			times[c]++
		}
	}
	all := make([]color.RGBA, 0, len(times))
	for c := range times {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int { return cmp.Compare(times[b], times[a]) })
	var palette color.Palette
	for i, c := range all {
		// Small things have colours of their own: the marks of the legend.
		if i < 160 || len(palette) < 256 && !near(palette, c) {
			palette = append(palette, c)
		}
	}
	few := image.NewPaletted(full.Bounds(), palette)
	draw.Draw(few, few.Bounds(), full, full.Bounds().Min, draw.Src)
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, few)
	return b.Bytes(), err
}

func near(palette color.Palette, c color.RGBA) bool {
	r, g, b, _ := c.RGBA()
	pr, pg, pb, _ := palette.Convert(c).RGBA()
	off := func(a, b uint32) uint32 { return max(a, b) - min(a, b) }
	return off(r, pr)+off(g, pg)+off(b, pb) < 60<<8
}
