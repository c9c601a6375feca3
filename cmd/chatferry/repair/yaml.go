package repair

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fromYAML writes a YAML document as JSON. Numbers keep their text, since a value of a patch is to be what was written.
func fromYAML(text []byte) ([]byte, error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it has no rules")
	case err != nil:
		return nil, fmt.Errorf("it is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	return appendJSON(nil, doc.Content[0])
}

func appendJSON(out []byte, n *yaml.Node) ([]byte, error) {
	switch n.Kind {
	case yaml.SequenceNode:
		out = append(out, '[')
		for i, c := range n.Content {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = appendJSON(out, c); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	case yaml.MappingNode:
		return appendObject(out, n)
	case yaml.ScalarNode:
		return appendScalar(out, n)
	}
	return nil, fmt.Errorf("line %d: an alias has no place in rules", n.Line)
}

func appendObject(out []byte, n *yaml.Node) ([]byte, error) {
	out = append(out, '{')
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: a key is not a text", key.Line)
		case seen[key.Value]:
			return nil, fmt.Errorf("line %d: the key %s stands twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(key.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(out, name...), ':')
		if out, err = appendJSON(out, n.Content[i+1]); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

func appendScalar(out []byte, n *yaml.Node) ([]byte, error) {
	switch n.Tag {
	case "!!null":
		return append(out, "null"...), nil
	case "!!bool", "!!int", "!!float":
		value := n.Value
		if n.Tag == "!!bool" {
			value = strings.ToLower(value)
		}
		if !json.Valid([]byte(value)) {
			return nil, fmt.Errorf("line %d: %s is no number as JSON writes it; put it into quotes if it is a text", n.Line, n.Value)
		}
		return append(out, value...), nil
	case "!!str", "!!timestamp":
		text, err := json.Marshal(n.Value)
		return append(out, text...), err
	}
	return nil, fmt.Errorf("line %d: a value of the kind %s has no place in rules", n.Line, n.Tag)
}
