package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes an explanation for people.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s: %s", e.Request, e.Decision, e.Reason)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	fmt.Fprintf(&b, ", at %s\n", e.At.Format(time.RFC3339))
	if e.Logged != "" {
		fmt.Fprintf(&b, "the access log says: %s\n", e.Logged)
		if strings.Contains(e.Logged, "bearerauth_") && !strings.Contains(e.Logged, "{"+e.Reason+"}") {
			b.WriteString("  which is not the same: the token, the configuration or the keys differ\n")
		}
	}
	if len(e.Calls) > 0 {
		b.WriteString("\nasked for:\n")
		for _, call := range e.Calls {
			fmt.Fprintf(&b, "    %s\n", call)
		}
	}
	for _, about := range []struct{ of, title string }{
		{"request", "request"}, {"rule", "rules"}, {"credential", "tokens"}, {"provider", "providers"}, {"token", "the token"},
	} {
		begun := false
		for _, s := range e.Steps {
			if s.About != about.of {
				continue
			}
			if !begun {
				fmt.Fprintf(&b, "\n%s:\n", about.title)
			}
			begun = true
			fmt.Fprintf(&b, "  %s\n", s.line())
		}
	}
	if e.Upstream != nil {
		e.Upstream.write(&b)
	} else {
		b.WriteString("\nresponse:\n")
		for _, h := range e.Response {
			fmt.Fprintf(&b, "    %s: %s\n", h[0], h[1])
		}
		if e.Body != "" {
			fmt.Fprintf(&b, "    %s\n", strings.TrimSpace(e.Body))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Step) line() string {
	mark := "  "
	if s.Failed {
		mark = "✗ "
	}
	text := s.Result
	switch {
	case s.Want == "":
	case s.Failed:
		text = "want " + s.Want + ", got " + s.Got
	case s.Want == s.Got:
		text = s.Got + ", as wanted"
	default:
		text = s.Got + ", wanted: " + s.Want
	}
	if s.Name == "" {
		return mark + text
	}
	return mark + s.Name + ": " + text
}

func (u *Upstream) write(b *strings.Builder) {
	b.WriteString("\nupstream:\n")
	if len(u.Set)+len(u.Remove)+len(u.FilterState) == 0 {
		b.WriteString("    gets the request as it is\n")
	}
	for _, name := range u.Remove {
		fmt.Fprintf(b, "    without the client's header %s\n", name)
	}
	for _, h := range u.Set {
		fmt.Fprintf(b, "    with the header %s: %s\n", h[0], h[1])
	}
	for _, s := range u.FilterState {
		fmt.Fprintf(b, "    filter state wasm.%s: %s\n", s[0], s[1])
	}
}
