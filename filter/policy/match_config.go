package policy

// readMatch reads what a rule matches. An absent member asks nothing.
func readMatch(o *object, own func(name string) bool, props *properties) (m match) {
	kinds := []struct {
		name  string
		parse func(string) (*pathPattern, error)
	}{
		{"path", parseExactPath},
		{"path_prefix", parsePrefixPath},
		{"path_template", parseTemplatePath},
		{"path_regex", parseRegexPath},
	}
	first := ""
	for _, kind := range kinds {
		o.checked(kind.name, "", func(s string) string {
			pattern, err := kind.parse(s)
			if err != nil {
				return err.Error()
			}
			m.path = pattern
			return ""
		})
		if !o.has(kind.name) {
			continue
		}
		if first != "" {
			o.wrong(kind.name, "want only one of path, path_prefix, path_template, path_regex; there is "+first)
		}
		first = kind.name
	}
	m.methods = o.strings("methods", wantMethod)
	for _, s := range o.strings("hosts", wantHost) {
		// wantHost has had nothing against it.
		host, _ := parseHost(s)
		m.hosts = append(m.hosts, host)
	}
	m.headers = readConditions(o, "headers", func(c *object, name string, kind conditionKind, value string) (condition, error) {
		if own(name) {
			// What a client sends under this name is forged by definition.
			c.wrong("name", "want a header that the filter does not set itself")
		}
		return newHeaderCondition(name, kind, value)
	})
	m.query = readConditions(o, "query", func(_ *object, name string, kind conditionKind, value string) (condition, error) {
		return newQueryCondition(name, kind, value)
	})
	m.routes = props.readRoutes(o)
	o.done()
	if len(o.members) == 0 {
		o.problems.add(o.path, "want at least one member; a rule without match applies to every request")
	}
	return m
}

func wantHost(s string) string {
	if _, err := parseHost(s); err != nil {
		return err.Error()
	}
	return ""
}

func readConditions(o *object, member string, compile func(*object, string, conditionKind, string) (condition, error)) []condition {
	var list []condition
	for _, item := range o.array(member) {
		c := asObject(item, o.problems)
		if c == nil {
			continue
		}
		before := len(o.problems.list)
		name := c.str("name", "")
		if !c.has("name") {
			c.wrong("name", "want a name")
		}
		kind, value := readConditionKind(c)
		c.done()
		if len(o.problems.list) > before {
			continue
		}
		compiled, err := compile(c, name, kind, value)
		if err != nil {
			c.problems.add(c.path, err.Error())
			continue
		}
		list = append(list, compiled)
	}
	return list
}

// readConditionKind reads what a condition asks of a value.
func readConditionKind(c *object) (kind conditionKind, value string) {
	asked := 0
	kind = conditionPresent
	if present := c.boolean("present", true); c.has("present") {
		asked++
		if !present {
			c.wrong("present", "want true: no rule can ask for absence")
		}
	}
	if text := c.str("equal", ""); c.has("equal") {
		asked++
		kind, value = conditionEqual, text
	}
	if text := c.str("regex", ""); c.has("regex") {
		asked++
		kind, value = conditionRegex, text
	}
	if asked != 1 {
		c.problems.add(c.path, "want exactly one of present, equal, regex")
	}
	return kind, value
}
