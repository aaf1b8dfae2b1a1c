package transient

import (
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNoDefaultRuleIsHiddenByOneBeforeIt looks for a reply on which each rule,
// by each of its texts, decides.
func TestNoDefaultRuleIsHiddenByOneBeforeIt(t *testing.T) {
	for i := range defaults {
		rule := &defaults[i]
		texts := []string{""}
		if len(rule.texts) > 0 {
			texts = nil
			for _, p := range rule.texts {
				texts = append(texts, p.shown)
			}
		}
		for _, text := range texts {
			assert.Truef(t, decides(rule, text), "%s by %q", rule.Rule, text)
		}
	}
}

func decides(rule *compiled, text string) bool {
	verbs := rule.verbs
	if len(verbs) == 0 {
		verbs = []string{"NOOP", "STOR", "RETR"}
	}
	for _, verb := range verbs {
		if verb == Connect {
			verb = ""
		}
		for code := rule.first; code <= rule.last; code++ {
			e := &textproto.Error{Code: code, Msg: "x " + strings.ReplaceAll(text, "*", " of ") + " x"}
			v := Classify(Failure{Command: verb, Err: e})
			tail, fits := rule.fits(&subject{command: verb, message: e.Msg}, code)
			if fits && v.Class == rule.Class && v.Rule == rule.explain(code, verb, tail) {
				return true
			}
		}
	}
	return false
}

func TestEveryDefaultRuleHasAReasonAndAClass(t *testing.T) {
	for i := range defaults {
		rule := &defaults[i]
		assert.NotEmpty(t, rule.Reason, rule.Rule)
		assert.NotEqual(t, Unknown, rule.Class, rule.Rule)
		assert.LessOrEqual(t, rule.first, rule.last, rule.Rule)
	}
}
