// Command pages serves the families and values of a page of the exporter, as its peers would: "const" makes constant
// metrics at each scrape, and hands them to client_golang's promhttp, as exporters written in Go do; "rendered" keeps each
// job's lines written and joins them at the scrape, as kube-state-metrics does.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// A sample is one line of the page. Job is empty for what is of no job.
type sample struct {
	Job    string   `json:"job"`
	Series string   `json:"series"`
	Values []string `json:"values"`
	Value  value    `json:"value"`
}

type histogram struct {
	Values  []string         `json:"values"`
	Buckets map[value]uint64 `json:"buckets"`
	Sum     value            `json:"sum"`
	Count   uint64           `json:"count"`
}

// A family has histograms beside its samples where it is of histograms.
type family struct {
	Name       string      `json:"name"`
	Help       string      `json:"help"`
	Type       string      `json:"type"`
	Labels     []string    `json:"labels"`
	Samples    []sample    `json:"samples"`
	Histograms []histogram `json:"histograms"`
}

// A value is written as a text in JSON, which knows no infinity.
type value float64

func (v *value) UnmarshalText(text []byte) error {
	number, err := strconv.ParseFloat(string(text), 64)
	*v = value(number)
	return err
}

// A page is what both peers serve. Change adds one to values of a job.
type page interface {
	http.Handler
	change(job string, values int)
}

func main() {
	input := flag.String("input", "", "file with the families")
	mode := flag.String("mode", "const", "const or rendered")
	flag.Parse()
	families, jobs := read(*input)
	var served page = newConstant(families)
	if *mode == "rendered" {
		served = newRendered(families)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("GET /metrics", served)
	http.HandleFunc("POST /change", func(_ http.ResponseWriter, request *http.Request) {
		count, values := number(request, "jobs"), number(request, "values")
		for _, index := range rand.Perm(len(jobs))[:min(count, len(jobs))] {
			served.change(jobs[index], values)
		}
	})
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

func read(path string) ([]*family, []string) {
	content, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var families []*family
	if err := json.Unmarshal(content, &families); err != nil {
		log.Fatal(err)
	}
	known := map[string]bool{"": true}
	var jobs []string
	for _, each := range families {
		for _, line := range each.Samples {
			if !known[line.Job] {
				known[line.Job] = true
				jobs = append(jobs, line.Job)
			}
		}
	}
	return families, jobs
}

func number(request *http.Request, name string) int {
	given, _ := strconv.Atoi(request.FormValue(name))
	return given
}

// An index finds a job's samples. Its lock guards the values.
type index struct {
	sync.RWMutex
	samples map[string][]*sample
}

func newIndex(families []*family) *index {
	made := &index{samples: map[string][]*sample{}}
	for _, each := range families {
		for number := range each.Samples {
			line := &each.Samples[number]
			made.samples[line.Job] = append(made.samples[line.Job], line)
		}
	}
	return made
}

func (i *index) add(job string, values int) {
	samples := i.samples[job]
	for _, line := range samples[:min(values, len(samples))] {
		line.Value++
	}
}
