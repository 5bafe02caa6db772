package explain

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// curlValues are curl's options with a value that is of no interest here.
const curlValues = " -o --output -w --write-out -m --max-time --connect-timeout -x --proxy --cacert --cert -E --key --retry --resolve --connect-to --max-redirs -c --cookie-jar -T --upload-file -K --config --retry-delay -y -Y -r --range "

// FromCurl reads a curl command as it is copied from a shell or a browser.
func FromCurl(command string) (r Request, err error) {
	words, err := shellWords(command)
	if err != nil {
		return r, err
	}
	if len(words) > 0 && words[0] == "curl" {
		words = words[1:]
	}
	hasURL, body, get := false, []string(nil), false
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		option, value, attached := word, "", false
		switch {
		case strings.HasPrefix(word, "--"):
			option, value, attached = strings.Cut(word, "=")
		case len(word) > 2 && word[0] == '-' && strings.IndexByte("XHdubAeomwxcTKEr", word[1]) >= 0:
			option, value, attached = word[:2], word[2:], true
		}
		take := func() string {
			if !attached && len(words) > 0 {
				value = words[0]
				words = words[1:]
			}
			return value
		}
		switch option {
		case "-X", "--request":
			r.Method = take()
		case "-H", "--header":
			if err := r.AddHeader(take()); err != nil {
				return r, err
			}
		case "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json", "-F", "--form":
			body = append(body, take())
			if option == "--json" {
				r.Headers = append(r.Headers, [2]string{"content-type", "application/json"})
			}
		case "-G", "--get":
			get = true
		case "-I", "--head":
			r.Method = "HEAD"
		case "-u", "--user":
			r.Headers = append(r.Headers, [2]string{"authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(take()))})
		case "--oauth2-bearer":
			r.Headers = append(r.Headers, [2]string{"authorization", "Bearer " + take()})
		case "-b", "--cookie":
			r.Headers = append(r.Headers, [2]string{"cookie", take()})
		case "-A", "--user-agent":
			r.Headers = append(r.Headers, [2]string{"user-agent", take()})
		case "-e", "--referer":
			r.Headers = append(r.Headers, [2]string{"referer", take()})
		case "--url":
			word = take()
			fallthrough
		default:
			if strings.HasPrefix(word, "-") {
				if strings.Contains(curlValues, " "+option+" ") {
					take()
				}
				continue
			}
			if hasURL {
				return r, fmt.Errorf("want one URL, got another: %q", word)
			}
			hasURL = true
			if err := r.setURL(word); err != nil {
				return r, err
			}
		}
	}
	if !hasURL {
		return r, errors.New("want a URL in the curl command")
	}
	if get && len(body) > 0 {
		separator := "?"
		if strings.Contains(r.Path, "?") {
			separator = "&"
		}
		r.Path += separator + strings.Join(body, "&")
		body = nil
	}
	switch {
	case r.Method != "":
	case len(body) > 0:
		r.Method = "POST"
	default:
		r.Method = "GET"
	}
	return r, nil
}

// shellWords splits a command as a POSIX shell does. It expands nothing.
func shellWords(s string) (words []string, err error) {
	var word []byte
	inWord := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '$' && i+1 < len(s) && s[i+1] == '\'':
			if c == '$' {
				i++
			}
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word, inWord = append(word, s[i+1:i+1+end]...), true
			i += end + 1
		case c == '"':
			inWord = true
			for i++; ; i++ {
				if i >= len(s) {
					return nil, errors.New("a double quote is not closed")
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"\\$`\n", s[i+1]) >= 0 {
					i++
				} else if s[i] == '$' || s[i] == '`' {
					return nil, variable(s[i:])
				}
				word = append(word, s[i])
			}
		case c == '\\':
			if i++; i < len(s) && s[i] == '\n' {
				continue
			} else if i < len(s) && s[i] == '\r' {
				i++
				continue
			} else if i < len(s) {
				word, inWord = append(word, s[i]), true
			}
		case c == '$' || c == '`':
			return nil, variable(s[i:])
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				words = append(words, string(word))
			}
			word, inWord = word[:0], false
		default:
			word, inWord = append(word, c), true
		}
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, nil
}

// variable is the error about what only a shell knows.
func variable(s string) error {
	name := strings.FieldsFunc(s[1:]+" ", func(c rune) bool {
		return c != '_' && c != '{' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	})
	if len(name) == 0 || s[0] == '`' {
		return errors.New("want a command without substitutions of the shell")
	}
	return fmt.Errorf("the command has the variable $%s: put it outside of single quotes, so that the shell expands it, as in --curl \"curl -H 'authorization: Bearer $TOKEN' …\"", strings.Trim(name[0], "{"))
}
