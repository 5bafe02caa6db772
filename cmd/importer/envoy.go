package importer

import (
	"encoding/json"
	"fmt"
	"strings"

	jwtauthn "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

const jwtAuthnType = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"

// Envoy reads the configuration of Envoy's filter jwt_authn: the message JwtAuthentication
// as YAML or JSON, alone or as an entry of http_filters.
//
// The configuration of routes (typed_per_filter_config) is elsewhere and is not read.
// Conditions on headers and parameters are carried over, although the filter finds them in
// more spellings of a request: a header sent twice with values that each meet the
// condition, a parameter written with escapes. A client that can send these can also send
// the plain spelling.
func Envoy(document []byte) (Result, error) {
	text, err := toJSON(document)
	if err != nil {
		return Result{}, err
	}
	r := newReader()
	if text, err = r.unwrapFilter(text); err != nil {
		return Result{}, err
	}
	var message jwtauthn.JwtAuthentication
	if err := envoyProto(text, &message); err != nil {
		return Result{}, fmt.Errorf("want envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication: %w", err)
	}
	if err := message.ValidateAll(); err != nil {
		return Result{}, fmt.Errorf("Envoy itself refuses it: %w", err)
	}
	if err := r.readAuthentication(&message); err != nil {
		return Result{}, err
	}
	return r.finish()
}

// unwrapFilter takes the message out of an entry of http_filters, or out of a
// list with one such entry.
func (r *reader) unwrapFilter(text []byte) ([]byte, error) {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil {
		if len(list) != 1 {
			return nil, fmt.Errorf("want one filter, got a list of %d", len(list))
		}
		text = list[0]
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("want an object: %w", err)
	}
	config, wrapped := members["typed_config"]
	if camel, ok := members["typedConfig"]; ok && !wrapped {
		config, wrapped = camel, true
	}
	if wrapped {
		for _, name := range sortedKeys(members) {
			switch name {
			case "name", "typed_config", "typedConfig":
			case "disabled":
				// Where it is enabled, a route says so, and that is not here.
				r.leave("disabled", "the filter runs on all routes", "rules for the routes that enable it")
			case "is_optional", "isOptional":
				r.leave(name, "a filter that does not start keeps Envoy from starting", "")
			default:
				return nil, fmt.Errorf("%s: want an entry of http_filters with name and typed_config", name)
			}
		}
		if err := json.Unmarshal(config, &members); err != nil {
			return nil, fmt.Errorf("typed_config: want an object: %w", err)
		}
		members = map[string]json.RawMessage{}
		if err := json.Unmarshal(config, &members); err != nil {
			return nil, err
		}
	}
	if kind, ok := members["@type"]; ok {
		if got := strings.Trim(string(kind), `"`); got != jwtAuthnType {
			return nil, fmt.Errorf("@type: want %s, got %s", jwtAuthnType, got)
		}
		delete(members, "@type")
	} else if wrapped {
		return nil, fmt.Errorf("typed_config: want @type %s", jwtAuthnType)
	}
	return json.Marshal(members)
}

var authenticationNotes = notes{
	"strip_failure_response": {"a refusal keeps its challenge, which RFC 9110 section 15.5.2 asks for", "details and body_format for the rest"},
	"stat_prefix":            {"there is one metric, by reason", ""},
}

func (r *reader) readAuthentication(m *jwtauthn.JwtAuthentication) error {
	if unknown := r.leftover(m, "", "providers rules filter_state_rules bypass_cors_preflight requirement_map", authenticationNotes); len(unknown) > 0 {
		return fmt.Errorf("%s: this reader does not know what that asks of a request", strings.Join(unknown, ", "))
	}
	audiences, err := audienceSets(m)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(m.Providers) {
		r.readProvider(name, "providers."+name, m.Providers[name], audiences[name])
	}
	r.settleIdentity()
	var list []candidate
	if m.BypassCorsPreflight {
		r.config.CORS = &cors{Preflight: true}
	}
	used := map[string]bool{}
	everything := false
	for i, native := range m.Rules {
		path := fmt.Sprintf("rules[%d]", i)
		c := candidate{path: path}
		c.match, c.wide = r.routeMatch(native.Match, path+".match")
		if c.need, err = r.ruleRequirement(native, m.RequirementMap, used, path); err != nil {
			return err
		}
		if unknown := r.leftover(native, path, "match requires requirement_name", nil); len(unknown) > 0 {
			return fmt.Errorf("%s: this reader does not know what %s asks of a request", path, strings.Join(unknown, ", "))
		}
		everything = everything || c.wide == "" && native.Match.GetPrefix() == "/" && len(c.match.Methods)+len(c.match.Headers)+len(c.match.Query)+len(c.match.Hosts) == 0
		if c.need.access == optional {
			if where, yes := r.overlooks(); yes {
				r.leave(path, "a token is required: the filter would not see a bad token in "+where, "see the providers that are left out")
				c.need = anyOf(c.need.any...)
				if c.need.access == denied {
					c.need.access = token
				}
			} else {
				list = append(list, r.hidden(c)...)
			}
		}
		list = append(list, c)
	}
	for _, name := range sortedKeys(m.RequirementMap) {
		if !used[name] {
			r.leave("requirement_map."+name, "no rule names it: only routes can use it, and their configuration is not read", "rules by path, host, header or query for those routes")
		}
	}
	// A request without a path is all that a prefix / leaves, and no opening
	// applies to that.
	if !everything {
		last, err := r.noMatch(m)
		if err != nil {
			return err
		}
		list = append(list, last)
	}
	r.addRules(list)
	return nil
}

// noMatch is what a request that no rule matches needs.
func (r *reader) noMatch(m *jwtauthn.JwtAuthentication) (candidate, error) {
	last := candidate{path: "rules", need: requirement{access: open}}
	states := m.GetFilterStateRules()
	if states == nil {
		last.note = &Left{"rules", "a request that no rule matches passes without a token, so the last rule has access anonymous (without the token, if there is one)", "delete that rule, and such a request needs a valid token"}
		return last, nil
	}
	var needs []requirement
	for _, value := range sortedKeys(states.Requires) {
		need, err := r.requirement(states.Requires[value], "filter_state_rules.requires."+value)
		if err != nil {
			return last, err
		}
		needs = append(needs, need)
	}
	last.path = "filter_state_rules"
	for _, need := range needs {
		if narrowest(need, needs) {
			last.need = need
			last.note = &Left{last.path, "filter state (" + states.Name + ") is not read: what no rule matches needs the strictest of these, " + need.String(), "rules by path, host, header or query"}
			return last, nil
		}
	}
	last.need = requirement{}
	last.note = &Left{last.path, "filter state (" + states.Name + ") is not read: what no rule matches is denied", "rules by path, host, header or query"}
	return last, nil
}

func narrowest(need requirement, all []requirement) bool {
	for _, other := range all {
		if !need.within(other) {
			return false
		}
	}
	return true
}
