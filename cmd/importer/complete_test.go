package importer

import (
	"fmt"
	"testing"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// everywhere has each message in it that a jwt_authn configuration is made of.
const everywhere = `{
  "providers": {"a": {
    "issuer": "https://a.example", "audiences": ["api"],
    "from_headers": [{"name": "x-a", "value_prefix": "A "}],
    "claim_to_headers": [{"header_name": "x-sub", "claim_path": [{"key": "sub"}]}], "forward_payload_header": "x-payload",
    "normalize_payload_in_metadata": {"space_delimited_claims": ["scope"]},
    "jwt_cache_config": {"jwt_cache_size": 3},
    "subjects": {"exact": "alice"},
    "remote_jwks": {
      "http_uri": {"uri": "https://a.example/keys", "cluster": "a", "timeout": "1s"},
      "cache_duration": "60s", "async_fetch": {"fast_listener": true}, "retry_policy": {"num_retries": 2}}},
   "b": {
    "issuer": "https://b.example", "forward_payload_header": "x-payload",
    "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}], "subjects": {"safe_regex": {"regex": "b.*"}},
    "local_jwks": {"inline_string": "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"}}},
  "rules": [
    {"match": {"prefix": "/a", "case_sensitive": true,
       "headers": [{"name": "x-h", "string_match": {"exact": "h"}}, {"name": "x-r", "safe_regex_match": {"regex": "r"}}],
       "query_parameters": [{"name": "q", "string_match": {"prefix": "q"}}]},
     "requires": {"requires_any": {"requirements": [{"provider_name": "a"}, {"provider_and_audiences": {"provider_name": "b", "audiences": ["x"]}}]}}},
    {"match": {"safe_regex": {"regex": "/b.*"}}, "requirement_name": "both"},
    {"match": {"path": "/c"}, "requires": {"allow_missing": {}}}],
  "requirement_map": {"both": {"requires_all": {"requirements": [{"provider_name": "a"}, {"provider_name": "b"}]}}},
  "filter_state_rules": {"name": "n", "requires": {"v": {"provider_name": "a"}}}
}`

// meaningless are fields that make no difference to Envoy either.
var meaningless = map[string]string{
	".providers.b.subjects.safe_regex.google_re2":            "there is no other engine",
	".rules[0].match.headers[1].safe_regex_match.google_re2": "there is no other engine",
	".providers.b.subjects.ignore_case":                      "an expression says so itself",
	".rules[1].match.case_sensitive":                         "an expression says so itself",
	".rules[0].match.case_sensitive":                         "true is the default",
}

// TestNoFieldIsDropped changes every field of every message, one at a time. The
// result must change with it, in the configuration or in what is left, or be an
// error: a field that makes no difference would have been dropped silently. A
// field of a later version of the API is tried as well.
func TestNoFieldIsDropped(t *testing.T) {
	t.Parallel()
	var base jwtauthn.JwtAuthentication
	if err := protojson.Unmarshal([]byte(everywhere), &base); err != nil {
		t.Fatal(err)
	}
	read := func(m *jwtauthn.JwtAuthentication) string {
		r := newReader()
		if err := r.readAuthentication(m); err != nil {
			return err.Error()
		}
		result, err := r.finish()
		return fmt.Sprint(string(result.Config), result.Left, err)
	}
	before := read(&base)
	if read(&base) != before {
		t.Fatal("the same input has two results")
	}
	tried := 0
	walkFields(base.ProtoReflect(), "", func(path string, change func(protoreflect.Message)) {
		changed := proto.Clone(&base).(*jwtauthn.JwtAuthentication)
		change(changed.ProtoReflect())
		if proto.Equal(&base, changed) {
			t.Errorf("%s: this test changes nothing", path)
		}
		tried++
		if _, known := meaningless[path]; read(changed) == before && !known {
			t.Errorf("%s makes no difference and is not in Left", path)
		}
	})
	if tried < 100 {
		t.Errorf("only %d fields tried", tried)
	}
}

// walkFields calls visit for every field of every message that is set below m,
// with a function that changes this field in a copy.
func walkFields(m protoreflect.Message, path string, visit func(string, func(protoreflect.Message))) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.ContainingOneof() != nil && m.WhichOneof(field.ContainingOneof()) != nil && m.WhichOneof(field.ContainingOneof()) != field {
			continue // the other kinds have tests of their own
		}
		at := path + "." + string(field.Name())
		visit(at, func(copied protoreflect.Message) { change(copied, field) })
		_, noted := providerNotes[string(field.Name())]
		_, notedRemote := remoteNotes[string(field.Name())]
		if !m.Has(field) || noted || notedRemote {
			continue // Left names the field; its members need no entry of their own
		}
		value := m.Get(field)
		switch {
		case field.IsMap():
			if field.MapValue().Message() == nil {
				continue
			}
			value.Map().Range(func(key protoreflect.MapKey, item protoreflect.Value) bool {
				walkFields(item.Message(), at+"."+key.String(), func(p string, f func(protoreflect.Message)) {
					visit(p, func(copied protoreflect.Message) { f(copied.Mutable(field).Map().Mutable(key).Message()) })
				})
				return true
			})
		case field.IsList():
			for k := range value.List().Len() {
				if field.Message() == nil {
					break
				}
				walkFields(value.List().Get(k).Message(), fmt.Sprintf("%s[%d]", at, k), func(p string, f func(protoreflect.Message)) {
					visit(p, func(copied protoreflect.Message) { f(copied.Mutable(field).List().Get(k).Message()) })
				})
			}
		case field.Message() != nil:
			walkFields(value.Message(), at, func(p string, f func(protoreflect.Message)) {
				visit(p, func(copied protoreflect.Message) { f(copied.Mutable(field).Message()) })
			})
		}
	}
}

// change gives a field another value.
func change(m protoreflect.Message, field protoreflect.FieldDescriptor) {
	switch {
	case field.IsMap():
		entries := m.Mutable(field).Map()
		if field.MapValue().Message() != nil {
			entries.Set(protoreflect.ValueOfString("zz").MapKey(), entries.NewValue())
		} else {
			entries.Set(protoreflect.ValueOfString("zz").MapKey(), scalar(field.MapValue(), entries.NewValue()))
		}
	case field.IsList():
		list := m.Mutable(field).List()
		if field.Message() != nil {
			list.Append(list.NewElement())
		} else {
			list.Append(scalar(field, list.NewElement()))
		}
	case field.Message() != nil:
		if m.Has(field) {
			m.Clear(field)
		} else {
			m.Set(field, m.NewField(field))
		}
	default:
		m.Set(field, scalar(field, m.Get(field)))
	}
}

func scalar(field protoreflect.FieldDescriptor, old protoreflect.Value) protoreflect.Value {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(!old.Bool())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(old.String() + "z")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("z"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(old.Enum() + 1)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(old.Uint()) + 7)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(old.Uint() + 7)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(old.Int()) + 1_000_000)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(old.Int() + 7)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(old.Float() + 7)
	}
	panic("no other value for " + field.Kind().String())
}
