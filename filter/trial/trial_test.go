package trial_test

import (
	"errors"
	"testing"

	"bearerauth/filter/pages"
	"bearerauth/filter/policy/config"
	"bearerauth/filter/scenario"
	"bearerauth/filter/trial"
)

const root = "../.."

// TestScenarios runs the scenarios in the core alone.
func TestScenarios(t *testing.T) {
	t.Parallel()
	stories, err := scenario.Load(root + "/testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for _, story := range stories {
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			run(t, story)
		})
	}
}

// TestDocs runs the policy tests of the documents.
func TestDocs(t *testing.T) {
	t.Parallel()
	all, err := pages.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	blocks := pages.Blocks(all, "yaml test")
	if len(blocks) < 2 {
		t.Fatalf("found %d policy tests in the documents, want at least 2", len(blocks))
	}
	for _, block := range blocks {
		t.Run(block.String(), func(t *testing.T) {
			t.Parallel()
			story, err := scenario.Parse(root+"/docs/block.yaml", []byte(block.Text))
			if err != nil {
				t.Fatal(err)
			}
			run(t, story)
		})
	}
}

func run(t *testing.T, story *scenario.Story) {
	report, err := trial.Run(story)
	var wrong *config.ConfigError
	if errors.As(err, &wrong) {
		t.Fatalf("%s: %v", story.File, err)
	}
	for _, result := range report.Results {
		for _, d := range result.Differences {
			t.Errorf("%s:%d: %s: %s is %s, want %s", story.File, result.Request.At.Line, result.Request.Name, d.What, d.Got, d.Want)
		}
	}
}
