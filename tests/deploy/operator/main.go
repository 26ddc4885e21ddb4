// Command operator reads rendered manifests from standard input, and holds each object of Prometheus Operator and of the
// Gateway API against the types that their own controllers decode it into: an unknown field or a wrong type is an error.
// Other objects are left to kubernetes-validate.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// object gives an empty object of the kind, or nil for one that is not checked here.
func object(apiVersion, kind string) any {
	switch apiVersion + " " + kind {
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &monitoringv1.ServiceMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoringv1.PrometheusRule{}
	case "monitoring.coreos.com/v1alpha1 ScrapeConfig":
		return &monitoringv1alpha1.ScrapeConfig{}
	case "gateway.networking.k8s.io/v1 HTTPRoute":
		return &gatewayv1.HTTPRoute{}
	}
	return nil
}

// checked decodes a document strictly, and tells its kind if it is one of those above.
func checked(document []byte) (string, error) {
	var head header
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", err
	}
	into := object(head.APIVersion, head.Kind)
	if into == nil {
		return "", nil
	}
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		return head.Kind, fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
	}
	return head.Kind, nil
}

func main() {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	failed := false
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var kind string
		if err == nil {
			kind, err = checked(document)
		}
		if err != nil {
			failed = true
			fmt.Fprintln(os.Stderr, err)
		} else if kind != "" {
			fmt.Println(kind)
		}
	}
	if failed {
		os.Exit(1)
	}
}
