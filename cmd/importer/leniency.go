package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// envoyProto is strictProto for a message as Envoy reads it. Envoy's reader (protobuf for
// C++) takes more forms than Go's: a value for a list of one, a duration or a wrapper as
// the message that it is, a boolean or the number of an enum as text.
func envoyProto(text []byte, m proto.Message) error {
	value, err := decodeNumbers(text)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(canonical(m.ProtoReflect().Descriptor(), value)); err != nil {
		return err
	}
	return strictProto(text, m)
}

func decodeNumbers(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// canonical writes a message in the forms that Go's reader takes. It leaves what it does
// not know, for that reader to refuse.
func canonical(m protoreflect.MessageDescriptor, value any) any {
	members, ok := value.(map[string]any)
	if !ok {
		return value
	}
	switch name := m.FullName(); {
	case name == "google.protobuf.Duration":
		return durationText(members, value)
	case m.ParentFile().Path() == "google/protobuf/wrappers.proto":
		if inner, ok := members["value"]; ok && len(members) == 1 {
			return canonicalScalar(m.Fields().ByName("value"), inner)
		}
		return value
	case strings.HasPrefix(string(name), "google.protobuf."):
		return value
	}
	out := map[string]any{}
	for name, inner := range members {
		out[name] = inner
		if field := fieldNamed(m, name); field != nil {
			out[name] = canonicalField(field, inner)
		}
	}
	return out
}

func fieldNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := m.Fields().ByJSONName(name); field != nil {
		return field
	}
	return m.Fields().ByName(protoreflect.Name(name))
}

func canonicalField(field protoreflect.FieldDescriptor, value any) any {
	if value == nil {
		return nil
	}
	switch {
	case field.IsMap():
		entries, ok := value.(map[string]any)
		if !ok {
			return value
		}
		out := map[string]any{}
		for key, entry := range entries {
			out[key] = canonicalScalar(field.MapValue(), entry)
		}
		return out
	case field.IsList():
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		out := make([]any, len(list))
		for i, item := range list {
			out[i] = canonicalScalar(field, item)
		}
		return out
	}
	return canonicalScalar(field, value)
}

func canonicalScalar(field protoreflect.FieldDescriptor, value any) any {
	text, isText := value.(string)
	switch field.Kind() {
	case protoreflect.MessageKind:
		return canonical(field.Message(), value)
	case protoreflect.BoolKind:
		if isText && (text == "true" || text == "false") {
			return text == "true"
		}
	case protoreflect.EnumKind:
		if number, err := strconv.ParseInt(text, 10, 32); isText && err == nil {
			return number
		}
	}
	return value
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]{1,18}$`)

// durationText is {"seconds": 300} as "300s", or the value itself if it is something else.
func durationText(members map[string]any, value any) any {
	var parts [2]int64
	for name, part := range members {
		i := map[string]int{"seconds": 0, "nanos": 1}[name]
		text := fmt.Sprint(part)
		if name != "seconds" && name != "nanos" || !wholeNumber.MatchString(text) {
			return value
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || number < 0 || i == 1 && number > 999_999_999 {
			return value
		}
		parts[i] = number
	}
	return fmt.Sprintf("%d.%09ds", parts[0], parts[1])
}

// strictProto refuses members and values that the message does not have. The error names
// the member.
func strictProto(text []byte, m proto.Message) error {
	if len(text) == 0 {
		return nil
	}
	err := protojson.Unmarshal(text, m)
	if err == nil {
		return nil
	}
	value, decodeErr := decodeNumbers(text)
	if decodeErr != nil {
		return decodeErr
	}
	path, what := culprit(m.ProtoReflect().Descriptor(), value, "", protoError(err))
	if path == "" {
		return errors.New(what)
	}
	return fmt.Errorf("%s: %s", path, what)
}

// position is what protojson says about where in the text an error is. The text is not the
// user's own.
var position = regexp.MustCompile(`^(proto:)?\s*(syntax error )?(\(line [0-9]+:[0-9]+\): )?`)

// protoError is the text of an error of protojson, which varies its spaces so that
// programs do not rely on it.
func protoError(err error) string {
	return position.ReplaceAllString(strings.ReplaceAll(err.Error(), "\u00a0", " "), "")
}

// culprit finds the member that a message is refused for: alone, it is refused, too.
func culprit(m protoreflect.MessageDescriptor, value any, path, what string) (string, string) {
	members, ok := value.(map[string]any)
	if !ok || strings.HasPrefix(string(m.FullName()), "google.protobuf.") {
		return path, what
	}
	for _, name := range sortedKeys(members) {
		err := refused(m, map[string]any{name: members[name]})
		if err == nil {
			continue
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		field := fieldNamed(m, name)
		if field == nil {
			return at, "unknown field"
		}
		switch inner := members[name].(type) {
		case []any:
			if !field.IsList() {
				return at, protoError(err)
			}
			for i, item := range inner {
				if err := refused(m, map[string]any{name: []any{item}}); err != nil {
					return descend(field, item, fmt.Sprintf("%s[%d]", at, i), protoError(err))
				}
			}
		case map[string]any:
			if !field.IsMap() {
				return descend(field, inner, at, protoError(err))
			}
			for _, key := range sortedKeys(inner) {
				if err := refused(m, map[string]any{name: map[string]any{key: inner[key]}}); err != nil {
					return descend(field.MapValue(), inner[key], at+"."+key, protoError(err))
				}
			}
		}
		return at, protoError(err)
	}
	return path, what
}

func descend(field protoreflect.FieldDescriptor, value any, path, what string) (string, string) {
	if field.Kind() != protoreflect.MessageKind {
		return path, what
	}
	return culprit(field.Message(), value, path, what)
}

func refused(m protoreflect.MessageDescriptor, members map[string]any) error {
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, dynamicpb.NewMessage(m))
}
