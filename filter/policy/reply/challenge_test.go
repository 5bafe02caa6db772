package reply

import "testing"

func TestChallenge(t *testing.T) {
	t.Parallel()
	const metadata = "https://api.example/.well-known/oauth-protected-resource/mcp"
	for want, got := range map[string]string{
		`Bearer realm="r", error="insufficient_scope", error_description="d", scope="a b", resource_metadata="` + metadata + `"`: challenge("r", "insufficient_scope", "d", []string{"a", "b"}, metadata),
		`Bearer realm="a \"b\" \\ c"`: challenge(`a "b" \ c`, "", "ignored without a code", nil, ""),
	} {
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
