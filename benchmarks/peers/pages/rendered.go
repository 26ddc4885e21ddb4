package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
)

type rendered struct {
	*index
	heads []string
	order []string
	// The lines of a job, by family, as they are written.
	lines    map[string][][]byte
	families []*family
	familyOf map[*sample]int
}

func newRendered(families []*family) *rendered {
	made := &rendered{
		index: newIndex(families), lines: map[string][][]byte{}, families: families, familyOf: map[*sample]int{},
	}
	for number, each := range families {
		made.heads = append(made.heads, fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", each.Name, each.Help, each.Name, each.Type))
		for index := range each.Samples {
			line := &each.Samples[index]
			made.familyOf[line] = number
			if made.lines[line.Job] == nil {
				made.lines[line.Job] = [][]byte{}
				made.order = append(made.order, line.Job)
			}
		}
	}
	for _, job := range made.order {
		made.write(job)
	}
	return made
}

func (r *rendered) write(job string) {
	lines := make([][]byte, len(r.families))
	for _, line := range r.samples[job] {
		number := r.familyOf[line]
		text := append(lines[number], line.Series...)
		text = append(text, ' ')
		text = strconv.AppendFloat(text, float64(line.Value), 'g', -1, 64)
		lines[number] = append(text, '\n')
	}
	r.lines[job] = lines
}

func (r *rendered) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	isOpen := strings.Contains(request.Header.Get("Accept"), "application/openmetrics-text")
	answer.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if isOpen {
		answer.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
	}
	var out io.Writer = answer
	if strings.Contains(request.Header.Get("Accept-Encoding"), "gzip") {
		answer.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(answer)
		defer packed.Close()
		out = packed
	}
	if err := r.writeAll(out, isOpen); err != nil {
		log.Print(err)
	}
}

func (r *rendered) writeAll(out io.Writer, isOpen bool) error {
	r.RLock()
	defer r.RUnlock()
	for number, head := range r.heads {
		if _, err := io.WriteString(out, head); err != nil {
			return err
		}
		for _, job := range r.order {
			if _, err := out.Write(r.lines[job][number]); err != nil {
				return err
			}
		}
	}
	if isOpen {
		_, err := io.WriteString(out, "# EOF\n")
		return err
	}
	return nil
}

func (r *rendered) change(job string, values int) {
	r.Lock()
	defer r.Unlock()
	r.add(job, values)
	r.write(job)
}
