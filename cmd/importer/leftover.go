package importer

import (
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// notes describe what happens to fields of a message that do not influence decisions.
type notes map[string][2]string

// leftover names the fields that are set in a message and that the importer does not read.
// Fields without a note may be conditions, for example of a later version of the API: they
// are returned, and the caller has to become stricter for them.
func (r *reader) leftover(m proto.Message, path string, read string, known notes) (unknown []string) {
	type found struct {
		number protoreflect.FieldNumber
		name   string
	}
	var fields []found
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		fields = append(fields, found{field.Number(), string(field.Name())})
		return true
	})
	sort.Slice(fields, func(i, j int) bool { return fields[i].number < fields[j].number })
	have := strings.Fields(read)
	for _, f := range fields {
		if contains(have, f.name) {
			continue
		}
		if note, ok := known[f.name]; ok {
			r.leave(strings.TrimPrefix(path+"."+f.name, "."), note[0], note[1])
			continue
		}
		unknown = append(unknown, f.name)
	}
	return unknown
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + " and " + b
}

// lastLine is the first problem of a configuration error, without its path.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	_, message, _ := strings.Cut(lines[len(lines)-1], ": ")
	return message
}
