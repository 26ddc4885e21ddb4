package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type constant struct {
	http.Handler
	*index
	families     []*family
	descriptions []*prometheus.Desc
}

func newConstant(families []*family) *constant {
	made := &constant{index: newIndex(families), families: families}
	for _, each := range families {
		made.descriptions = append(made.descriptions, prometheus.NewDesc(each.Name, each.Help, each.Labels, nil))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(made)
	made.Handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
	return made
}

// Describe says nothing, which spares the peer the registry's checks.
func (c *constant) Describe(chan<- *prometheus.Desc) {}

func (c *constant) Collect(metrics chan<- prometheus.Metric) {
	c.RLock()
	defer c.RUnlock()
	for number, each := range c.families {
		description, kind := c.descriptions[number], prometheus.GaugeValue
		switch each.Type {
		case "histogram":
			collectHistograms(each, description, metrics)
			continue
		case "counter":
			kind = prometheus.CounterValue
		}
		for index := range each.Samples {
			line := &each.Samples[index]
			metrics <- prometheus.MustNewConstMetric(description, kind, float64(line.Value), line.Values...)
		}
	}
}

func collectHistograms(each *family, description *prometheus.Desc, metrics chan<- prometheus.Metric) {
	for _, one := range each.Histograms {
		buckets := make(map[float64]uint64, len(one.Buckets))
		for bound, count := range one.Buckets {
			buckets[float64(bound)] = count
		}
		metrics <- prometheus.MustNewConstHistogram(description, one.Count, float64(one.Sum), buckets, one.Values...)
	}
}

func (c *constant) change(job string, values int) {
	c.Lock()
	defer c.Unlock()
	c.add(job, values)
}
