package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"chatferry"
)

// settings are the Config in effect, with the place where each value comes from.
type settings struct {
	Config
	origin map[string]string // by option name: "default", "dataset", "ferry.yaml:3", "CHATFERRY_LANES", "--lanes"
}

const (
	originDefault = "default"
	originDataset = "dataset"
)

// given reports whether the user named the option in this call, by flag, environment or file.
func (s *settings) given(name string) bool {
	return s.origin[name] != originDefault && s.origin[name] != originDataset
}

// rawFlag collects the texts of a flag; what they mean is decided where all layers are.
type rawFlag struct {
	texts []string
	kind  string
}

func (f *rawFlag) Set(text string) error { f.texts = append(f.texts, text); return nil }
func (f *rawFlag) String() string        { return strings.Join(f.texts, ",") }
func (f *rawFlag) Type() string          { return f.kind }

// addFlag makes the flag of an option known to a verb.
func addFlag(flags *pflag.FlagSet, name string) {
	o := optionNamed(name)
	f := flags.VarPF(&rawFlag{kind: o.arg}, o.name, "", o.help)
	if o.isSwitch() {
		f.NoOptDefVal = "true"
	}
}

// addFlags is addFlag for several options.
func addFlags(flags *pflag.FlagSet, names []string) {
	for _, name := range names {
		addFlag(flags, name)
	}
}

// resolve puts the layers on each other. dataset holds options that the dataset's log remembers; it may be nil.
func resolve(e *environment, flags *pflag.FlagSet, dataset map[string]string) (*settings, error) {
	s := &settings{Config: defaultConfig(), origin: map[string]string{}}
	for i := range options {
		s.origin[options[i].name] = originDefault
	}
	for i := range options {
		o := &options[i]
		if text, ok := dataset[o.name]; ok {
			if err := s.put(o, o.split(text), originDataset); err != nil {
				return nil, chatferry.Errorf(chatferry.KindIncompatible, "use the version of chatferry that wrote the dataset",
					"read the dataset's log: %w", err)
			}
		}
	}
	if err := s.file(e, flags); err != nil {
		return nil, err
	}
	for i := range options {
		o := &options[i]
		// An empty variable is one that a template left empty, so it counts as not set.
		if text := e.getenv(o.env()); text != "" {
			if err := s.put(o, o.split(text), o.env()); err != nil {
				return nil, usage("", "%w", err)
			}
		}
	}
	for i := range options {
		o := &options[i]
		f := flags.Lookup(o.name)
		if f == nil || !f.Changed {
			continue
		}
		raw, ok := f.Value.(*rawFlag)
		if !ok {
			continue
		}
		if err := s.put(o, raw.texts, "--"+o.name); err != nil {
			return nil, usage("", "%w", err)
		}
	}
	return s, s.check()
}

// check validates the whole and says where the wrong value comes from.
func (s *settings) check() error {
	err := s.Validate()
	var f *fieldError
	if errors.As(err, &f) {
		if at := s.origin[f.field]; at != "--"+f.field {
			return usage("", "%s (%s): %w", f.field, at, f.err)
		}
		return usage("", "--%s: %w", f.field, f.err)
	}
	return err
}

// split cuts a text of one line into the values of an option.
func (o *option) split(text string) []string {
	if o.sep == "" {
		return []string{text}
	}
	var out []string
	for part := range strings.SplitSeq(text, o.sep) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// put sets an option to the texts of one layer.
func (s *settings) put(o *option, texts []string, at string) error {
	v := o.value(&s.Config)
	if l, ok := v.(list); ok {
		l.Clear()
	} else if len(texts) > 1 {
		texts = texts[len(texts)-1:] // of a flag given twice the last counts
	}
	for _, text := range texts {
		if text == "" && at == originDataset {
			continue // it was not set either
		}
		if err := v.Set(text); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	s.origin[o.name] = at
	return nil
}

func (o *option) isList() bool { return o.sep != "" }

// file reads the layer of --config or CHATFERRY_CONFIG.
func (s *settings) file(e *environment, flags *pflag.FlagSet) error {
	name := e.getenv(envConfig)
	if f := flags.Lookup(configFlag); f != nil && f.Changed {
		name = f.Value.String()
	}
	if name == "" {
		return nil
	}
	data, err := readConfigFile(name)
	if err != nil {
		return err
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return usage("", "%s is not YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return usage("keep one", "%s holds more than one YAML document", name)
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return usage("write lines like lanes: 4", "%s:%d: the file does not hold options", name, root.Line)
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, val := root.Content[i], root.Content[i+1]
		at := fmt.Sprintf("%s:%d", name, key.Line)
		if line, ok := seen[key.Value]; ok {
			return usage("keep one of them", "%s: %s stands in line %d already", at, key.Value, line)
		}
		seen[key.Value] = key.Line
		o := optionNamed(key.Value)
		switch {
		case o == nil:
			return usage(didYouMean(key.Value, "", optionNames()), "%s: unknown key %q", at, key.Value)
		case o.secret:
			return usage("set "+o.env()+" instead", "%s: %s is a secret and does not belong in a file of options", at, o.name)
		}
		texts, err := scalars(o, val)
		if err != nil {
			return usage("", "%s: %s: %w", at, o.name, err)
		}
		if err := s.put(o, texts, at); err != nil {
			return usage("", "%w", err)
		}
	}
	return nil
}

// maxConfigFile is far beyond any real file of options; a dump named by mistake is refused without being read.
const maxConfigFile = 1 << 20

func readConfigFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("name a YAML file with --config", "read the options: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil {
		return nil, usage("name a YAML file with --config", "read the options: %w", err)
	}
	if len(data) > maxConfigFile {
		return nil, usage("", "%s is larger than 1 MiB and is hardly a file of options", name)
	}
	return data, nil
}

// scalars returns the texts of a YAML value: one, or those of a sequence where the option takes several.
func scalars(o *option, n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, errors.New("it has no value")
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode && o.isList():
		var texts []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode || c.Tag == "!!null" {
				return nil, errors.New("it is not a list of texts")
			}
			texts = append(texts, c.Value)
		}
		return texts, nil
	case n.Kind == yaml.SequenceNode:
		return nil, errors.New("it takes one value, not a list")
	}
	return nil, errors.New("it takes a value, not a mapping")
}

// unknownVariables names the variables of the environment that look like misspelt options.
func unknownVariables(e *environment) []string {
	names := []string{strings.TrimPrefix(envConfig, envPrefix)}
	for i := range options {
		names = append(names, strings.TrimPrefix(options[i].env(), envPrefix))
	}
	var out []string
	for _, kv := range e.environ() {
		variable, _, _ := strings.Cut(kv, "=")
		name, ours := strings.CutPrefix(variable, envPrefix)
		if !ours || slices.Contains(names, name) {
			continue
		}
		if near := nearest(name, names); near != "" {
			out = append(out, fmt.Sprintf("the environment variable %s is not known; did you mean %s%s?", variable, envPrefix, near))
		}
	}
	return out
}
