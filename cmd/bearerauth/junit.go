package main

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The report in the format of JUnit, as CI systems read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(name string, all []*tested) (err error) {
	var report junitSuites
	for _, t := range all {
		suite := junitSuite{Name: t.File, Tests: t.of, Failures: t.failed, Time: seconds(t.Seconds)}
		if t.Error != "" {
			suite.Tests, suite.Errors = 1, 1
			first, _, _ := strings.Cut(t.Error, "\n")
			suite.Cases = append(suite.Cases, junitCase{Class: t.File, Name: "the file", File: t.File, Time: seconds(0), Error: &junitMessage{first, t.Error}})
		}
		for _, r := range t.Requests {
			c := junitCase{Class: t.File, Name: r.Name, File: t.File, Line: r.Line, Time: seconds(r.Seconds)}
			if !r.Passed {
				var lines []string
				for _, d := range r.Differences {
					lines = append(lines, fmt.Sprintf("%s: want %s, got %s", d.What, d.Want, d.Got))
				}
				c.Failure = &junitMessage{lines[0], strings.Join(lines, "\n")}
			}
			suite.Cases = append(suite.Cases, c)
		}
		report.Suites = append(report.Suites, suite)
	}
	f, err := create(name)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if _, err := f.WriteString(xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(f)
	e.Indent("", "  ")
	if err := e.Encode(report); err != nil {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

func seconds(s float64) string { return fmt.Sprintf("%.6f", s) }
