package main

import (
	"strings"
	"testing"
)

func TestChecked(t *testing.T) {
	monitor := "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: zoho}\nspec:\n  selector: {}\n"
	for name, row := range map[string]struct{ document, kind, complaint string }{
		"right":         {monitor + "  endpoints: [{port: http, interval: 30s}]\n", "ServiceMonitor", ""},
		"unknown field": {monitor + "  endpoints: [{port: http, intervall: 30s}]\n", "ServiceMonitor", `zoho: error unmarshaling JSON: while decoding JSON: json: unknown field "intervall"`},
		"wrong type":    {monitor + "  sampleLimit: many\n", "ServiceMonitor", "cannot unmarshal string into Go struct field"},
		"no YAML":       {"kind: [", "", "did not find expected node content"},
		"another kind":  {"apiVersion: v1\nkind: ConfigMap\nno: field\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			kind, err := checked([]byte(row.document))
			if kind != row.kind {
				t.Errorf("kind is %q, expected %q", kind, row.kind)
			}
			if complaint := errorText(err); (row.complaint == "") != (complaint == "") || !strings.Contains(complaint, row.complaint) {
				t.Errorf("complaint is %q, expected %q", complaint, row.complaint)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
