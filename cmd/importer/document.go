package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"
)

// A duplicate member could mean two things, so YAML is read strictly.
func toJSON(document []byte) ([]byte, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("want YAML or JSON: %w", err)
	}
	return text, nil
}

// splitDocuments cuts at the lines that separate YAML documents.
func splitDocuments(text []byte) (documents [][]byte) {
	var b bytes.Buffer
	flush := func() {
		if isContent(b.Bytes()) {
			documents = append(documents, bytes.Clone(b.Bytes()))
		}
		b.Reset()
	}
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimRight(line, " \t\r\n")
		switch {
		case bytes.Equal(trimmed, []byte("---")), bytes.Equal(trimmed, []byte("...")):
			flush()
		case bytes.HasPrefix(line, []byte("--- ")):
			flush()
			b.Write(line[len("--- "):])
		default:
			b.Write(line)
		}
	}
	flush()
	return documents
}

// isContent says that there is more than comments.
func isContent(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return true
		}
	}
	return false
}

// resource is a Kubernetes object. Status and other metadata of a cluster have no
// influence on decisions.
type resource struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metadata          `json:"metadata"`
	Spec       json.RawMessage   `json:"spec"`
	Data       map[string]string `json:"data"`
	StringData map[string]string `json:"stringData"`
	Items      []json.RawMessage `json:"items"`
	Status     json.RawMessage   `json:"status"`
	Type       string            `json:"type"`
	Immutable  *bool             `json:"immutable"`
}

// metadata has many members without influence here.
type metadata struct{ Name, Namespace string }

func (m *metadata) UnmarshalJSON(text []byte) error {
	var all struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	}
	err := json.Unmarshal(text, &all)
	m.Name, m.Namespace = all.Name, all.Namespace
	return err
}

// name is how the reports speak of it.
func (o *resource) name() string { return o.Kind + "/" + o.Metadata.Name }

func (o *resource) is(group, kind string) bool {
	return o.Kind == kind && strings.HasPrefix(o.APIVersion, group+"/")
}

func readResources(text []byte) (list []resource, err error) {
	for i, document := range splitDocuments(text) {
		object, err := toJSON(document)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if list, err = appendResource(list, object); err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("want YAML documents, got none")
	}
	return list, nil
}

// appendResource takes a List, as kubectl writes it, for its items.
func appendResource(list []resource, object []byte) ([]resource, error) {
	var o resource
	if err := strict(object, &o); err != nil {
		return nil, err
	}
	if o.Kind != "List" && !strings.HasSuffix(o.Kind, "PolicyList") {
		return append(list, o), nil
	}
	for _, item := range o.Items {
		var err error
		if list, err = appendResource(list, item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// strict refuses members that the type does not have.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("want one JSON value")
	}
	return nil
}
