package policy

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bearerauth/filter/policy/request"
	"bearerauth/filter/policy/verdict"
)

// model is a configuration that the oracle knows, and its policy.
type model struct {
	*modelConfig
	policy *Policy
	state  *State
	// explaining is a state each of whose verdicts is explained.
	explaining *State

	checked map[*verdict.Deny]bool // ready refusals, by whether they were for gRPC
}

// rolled is the configuration of these dice.
func rolled(t testing.TB, d *dice) *model {
	m := &model{modelConfig: d.config(), checked: map[*verdict.Deny]bool{}}
	for rules := d.roll(5); ; rules-- {
		parsed, err := Parse(m.json())
		if last := len(m.rules) - 1; err != nil && last >= 0 && strings.Contains(err.Error(), "1 problem\n") && strings.Contains(err.Error(), "can never apply") {
			m.rules[last].dead = true
		} else if err != nil {
			t.Fatalf("%v\n%s", err, m.json())
		} else {
			m.policy = parsed
		}
		if rules == 0 {
			break
		}
		m.rules = append(m.rules, d.rule())
	}
	m.state, m.explaining = m.policy.NewState(Host{}), m.policy.NewState(Host{})
	return m
}

// play decides over one request.
func (m *model) play(t *testing.T, r *request.Request) (reason string, allowed, certain bool) {
	now := time.Unix(decideNow, 0)
	v := m.policy.Decide(m.state, now, r)
	// A state that explains each of its verdicts has the same verdicts.
	twin := m.policy.Decide(m.explaining, now, r)
	if !sameVerdict(v, twin) {
		t.Fatalf("%+v, and %+v where each verdict is explained", v, twin)
	}
	explained(t, m.explaining, now, r, twin, tokenTexts...)
	if a, ok := v.(*verdict.Allow); ok {
		allowed = true
		checkAllow(t, m.modelConfig, r, a)
	}
	if d, ok := v.(*verdict.Deny); ok {
		// Those that are ready need no second look.
		grpc := request.IsGRPC(r)
		if before, seen := m.checked[d]; !seen || before != grpc {
			checkRefusal(t, m.modelConfig, r, d)
			if d.Identity == nil {
				m.checked[d] = grpc
			}
		}
	}
	return decided(v), allowed, checkVerdict(t, m.modelConfig, r, v)
}

// decide plays one configuration and some requests.
func decide(t *testing.T, data []byte, reasons map[string]int) (allowed, certain int) {
	d := dice(data)
	m := rolled(t, &d)
	for range 8 {
		reason, is, sure := m.play(t, d.request())
		reasons[reason]++
		allowed, certain = allowed+number(is), certain+number(sure)
	}
	return allowed, certain
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// checkVerdict compares with what the oracle says in each world; certain, if
// there is but one.
func checkVerdict(t *testing.T, c *modelConfig, r *request.Request, v verdict.Verdict) (certain bool) {
	t.Helper()
	status, reason := 200, ""
	switch v := v.(type) {
	case *verdict.Allow:
		reason = v.Reason.String()
	case *verdict.Deny:
		status, reason = int(v.Status), v.Reason.String()
	default:
		t.Fatalf("verdict %v", v)
	}
	kind, token := credentials(r.Headers, r.Path)
	all := worlds(r)
	plain := isPlain(r)
	for i := range all {
		rule := c.first(&all[i])
		if rule != nil && rule.dead {
			t.Fatalf("%+v can be reached\n%s\n%q", *rule, c.json(), r.Headers)
		}
		want, why, _ := c.says(rule, kind, token, time.Unix(decideNow, 0))
		if status == 200 && want != 200 || want == 403 && why == "forbidden" && status != 403 && reason != "non_canonical_path" {
			t.Fatalf("%d (%s) where the oracle says %d (%s) of %+v\n%s\n%q", status, reason, want, why, all[i], c.json(), r.Headers)
		}
		if certain = len(all) == 1 && plain; certain && (status != want || why != "" && reason != why) {
			t.Fatalf("%d (%s), the oracle says %d (%s)\n%s\n%q", status, reason, want, why, c.json(), r.Headers)
		}
	}
	if c.reject && r.HasPath && len(oraclePaths(r.Path)) > 1 && status != 400 {
		t.Fatalf("%d for a path with several readings\n%s\n%q", status, c.json(), r.Headers)
	}
	return certain
}

// isPlain reports whether all servers read a request in the same way.
func isPlain(r *request.Request) bool {
	return compiled(`^(/[a-z]+)+/?$`).MatchString(plainPath(r.Path)) && compiled(`^[A-Za-z.]+[a-z](:[0-9]+)?$`).MatchString(r.Authority) &&
		!strings.ContainsAny(r.Path, "%;#") && !strings.Contains(header(r.Headers, "x-tier"), ",") && r.HasPath &&
		!slices.ContainsFunc(r.Headers, func(h [2]string) bool { return h[0] == "x_tier" }) // perhaps x-tier, to some
}

// checkAllow looks at what the upstream gets.
func checkAllow(t *testing.T, c *modelConfig, r *request.Request, v *verdict.Allow) {
	t.Helper()
	fail := func(what string) { t.Helper(); t.Fatalf("%s: %+v\n%s\n%q", what, v, c.json(), r.Headers) }
	kind, text := credentials(r.Headers, r.Path)
	all := worlds(r)
	want := map[string]string{}
	verified := v.Reason == verdict.ReasonTokenValid
	if verified != (v.Identity != nil) {
		fail("an identity without a verified token, or none with one")
	}
	forward := true
	for i := range all {
		if rule := c.first(&all[i]); rule == nil {
			forward = forward && c.forward
		} else if verified == (rule.access == "token" || rule.access == "optional") {
			forward = forward && c.forwards(rule) && (verified || rule.unverified)
		}
	}
	if verified {
		i := slices.IndexFunc(c.tokens, func(t modelToken) bool { return t.text == text })
		want[c.subjectHeader], want[c.claimHeader], want[c.tokenHeader] = c.tokens[i].subject, c.tokens[i].tier, text
		want[c.providerHeader] = c.tokens[i].provider
		if c.tokens[i].tier == "" && c.claimMissing == "default" {
			want[c.claimHeader] = "none"
		}
	} else if rule := c.first(&all[0]); len(all) == 1 && isPlain(r) && rule != nil && rule.unverified && kind == "bearer" {
		want[c.tokenHeader] = text
	}
	for _, own := range []string{c.subjectHeader, c.tokenHeader, c.claimHeader, c.providerHeader} {
		var got []string
		for _, h := range applyTo(r.Headers, v) {
			if own != "" && strings.ReplaceAll(strings.ToLower(h[0]), "_", "-") == strings.ReplaceAll(own, "_", "-") {
				got = append(got, h[0]+"="+h[1])
			}
		}
		if want[own] == "" && (len(all) > 1 || !isPlain(r)) && own == c.tokenHeader && !verified {
			continue // which of the worlds' rules forwards it the oracle cannot say
		}
		if len(got) > 1 || want[own] == "" && len(got) > 0 || want[own] != "" && (len(got) == 0 || got[0] != own+"="+want[own]) && own != "" {
			fail("owned header " + own + " is " + strings.Join(got, ", "))
		}
	}
	for _, h := range applyTo(r.Headers, v) {
		if h[0] == "authorization" && !forward && (verified || oracleNamed.MatchString(h[1]) || oracleOdd.MatchString(h[1])) {
			fail("the credential goes on")
		}
	}
}

var (
	challengeForm = regexp.MustCompile(`^Bearer ([a-z_]+="([^"\\]|\\["\\])*")(, [a-z_]+="([^"\\]|\\["\\])*")*$`)
	challengePart = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\["\\])*)"`)
	unquoted      = strings.NewReplacer(`\"`, `"`, `\\`, `\`)
	textForm      = regexp.MustCompile(`^[ -~]+$`)
	narrowForm    = regexp.MustCompile(`^[ !#-\[\]-~]+$`)
)

func checkRefusal(t *testing.T, c *modelConfig, r *request.Request, v *verdict.Deny) {
	t.Helper()
	fail := func(what string) { t.Helper(); t.Fatalf("%s: %+v\n%s\n%s\n%q", what, v, v.Body, c.json(), r.Headers) }
	everything := append([]byte(nil), v.Body...)
	for _, h := range v.Headers {
		everything = append(append(append(everything, h[0]...), '\n'), h[1]...)
	}
	if bytes.Contains(everything, []byte("QZX")) || bytes.Contains(everything, []byte("forged")) {
		fail("the refusal repeats what the client sent")
	}
	if v.Status == 500 || header(v.Headers, "cache-control") != "no-store" {
		fail("internal, or may be cached")
	}
	challenge := header(v.Headers, "www-authenticate")
	if (challenge == "") != (v.Reason == verdict.ReasonForbidden) || challenge != "" && !challengeForm.MatchString(challenge) {
		fail("challenge")
	}
	seen := map[string]string{}
	for _, part := range challengePart.FindAllStringSubmatch(challenge, -1) {
		if _, again := seen[part[1]]; again || !textForm.MatchString(part[2]) || part[1] != "realm" && !narrowForm.MatchString(part[2]) {
			fail("parameter " + part[1])
		}
		seen[part[1]] = unquoted.Replace(part[2])
	}
	code := map[string]string{"missing": "", "insufficient_scope": "insufficient_scope", "insufficient_claims": "insufficient_scope", "other_provider": "insufficient_scope"}[v.Reason.String()]
	if v.Reason != verdict.ReasonMissing && v.Status != 403 {
		code = map[uint32]string{400: "invalid_request", 401: "invalid_token"}[v.Status]
	}
	if challenge != "" && (seen["realm"] != c.realm || seen["error"] != code || v.Reason == verdict.ReasonInsufficientScope && seen["scope"] == "") {
		fail("challenge for another reason")
	}
	kind := header(r.Headers, "content-type")
	grpc := kind == "application/grpc" || kind == "application/grpc+proto"
	if want := map[uint32]int32{400: 16, 401: 16, 403: 7}[v.Status]; grpc && v.GRPCStatus != want || !grpc && v.GRPCStatus != -1 {
		fail("grpc-status")
	}
	var body struct {
		Detail string `json:"detail"`
		Status uint32 `json:"status"`
	}
	if asJSON := !grpc && c.format != "text"; asJSON != (json.Unmarshal(v.Body, &body) == nil) || len(v.Body) == 0 {
		fail("body")
	} else if asJSON && (body.Detail == "" || c.format == "problem" && body.Status != v.Status) {
		fail("body")
	}
}

func randomBytes(r *rand.Rand) []byte {
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// FuzzDecide: only requests that the oracle allows pass. For a request with one reading
// the answers agree. Neither refusals nor requests that pass carry what they must not. The
// first byte chooses one of some policies, since parsing one takes longer than thousands
// of requests; the other bytes are a request. TestDecideOracle has new policies all the
// time.
func FuzzDecide(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 3))
	var models []*model
	for range 256 {
		d := dice(randomBytes(r))
		models = append(models, rolled(f, &d))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		models[d.roll(len(models))].play(t, d.request())
	})
}

// TestDecidePlays is FuzzDecide without its instruments, which take five sixths of
// the time: random requests to prepared policies, some thirty thousand a second.
// $PLAYS is how many, from a new seed then.
func TestDecidePlays(t *testing.T) {
	t.Parallel()
	plays, seed := 20_000, uint64(17)
	if n, err := strconv.Atoi(os.Getenv("PLAYS")); err == nil {
		plays, seed = n, rand.Uint64()
	}
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	var models []*model
	for range 64 {
		d := dice(randomBytes(r))
		models = append(models, rolled(t, &d))
	}
	for range plays {
		d := dice(randomBytes(r))
		models[d.roll(len(models))].play(t, d.request())
	}
}

// TestDecideOracle plays the same game with a fixed seed, and asks whether the
// property says anything.
func TestDecideOracle(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 11))
	allowed, certain := 0, 0
	reasons := map[string]int{}
	for range 600 {
		a, c := decide(t, randomBytes(r), reasons)
		allowed, certain = allowed+a, certain+c
	}
	if allowed < 300 || certain < 300 || reasons["insufficient_scope"] < 15 || reasons["insufficient_claims"] < 15 {
		t.Errorf("%d allowed, %d beyond doubt, %v", allowed, certain, reasons)
	}
}

// plainPath is a path without query and fragment.
func plainPath(target string) string {
	path, _, _ := strings.Cut(target, "?")
	path, _, _ = strings.Cut(path, "#")
	return path
}
