// Command health says what others make of the health of objects: kstatus (kubectl, Helm and kustomize controllers), the health check
// expressions of Flux, and health scripts of Argo CD.
//
// It reads one question from the file that it is given, as JSON, and answers with a JSON array of one verdict for each object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Argo CD gives a script one second.
const scriptTimeout = time.Second

type question struct {
	Objects []json.RawMessage                `json:"objects"`
	Flux    kustomize.HealthCheckExpressions `json:"flux"`
	Argo    map[string]string                `json:"argo"`
}

type verdict struct {
	Kstatus string            `json:"kstatus"`
	Flux    string            `json:"flux"`
	Argo    map[string]health `json:"argo"`
}

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: health FILE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var asked question
	if err := json.Unmarshal(text, &asked); err != nil {
		return fmt.Errorf("cannot read the question: %w", err)
	}
	verdicts := []verdict{}
	for _, raw := range asked.Objects {
		// As a client reads it: whole numbers stay whole.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("cannot read an object: %w", err)
		}
		judged, err := judge(asked, object)
		if err != nil {
			return fmt.Errorf("%s: %w", object.GetName(), err)
		}
		verdicts = append(verdicts, judged)
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}

func judge(asked question, object *unstructured.Unstructured) (verdict, error) {
	computed, err := status.Compute(object)
	if err != nil {
		return verdict{}, fmt.Errorf("kstatus: %w", err)
	}
	judged := verdict{Kstatus: computed.Status.String(), Argo: map[string]health{}}
	if judged.Flux, err = flux(asked.Flux, object); err != nil {
		return verdict{}, fmt.Errorf("flux: %w", err)
	}
	for name, script := range asked.Argo {
		if judged.Argo[name], err = argo(script, object); err != nil {
			return verdict{}, fmt.Errorf("argo %s: %w", name, err)
		}
	}
	return judged, nil
}

// An expression that cannot be evaluated, for example because there is no status yet, is waited for.
func flux(expressions kustomize.HealthCheckExpressions, object *unstructured.Unstructured) (string, error) {
	evaluator, err := cel.NewStatusEvaluator(&expressions)
	if err != nil {
		return "", err
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return status.UnknownStatus.String(), nil
	}
	return result.Status.String(), nil
}

// With the libraries that Argo CD opens for a script of its ConfigMap, and no others.
func argo(script string, object *unstructured.Unstructured) (health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("obj", value(state, object.Object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned %s instead of a table", state.Get(-1).Type())
	}
	return health{Status: lua.LVAsString(table.RawGetString("status")), Message: lua.LVAsString(table.RawGetString("message"))}, nil
}

// A value of JSON as one of Lua.
func value(state *lua.LState, of any) lua.LValue {
	switch of := of.(type) {
	case bool:
		return lua.LBool(of)
	case int64:
		return lua.LNumber(of)
	case float64:
		return lua.LNumber(of)
	case string:
		return lua.LString(of)
	case []any:
		list := state.CreateTable(len(of), 0)
		for _, item := range of {
			list.Append(value(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(of))
		for key, item := range of {
			table.RawSetString(key, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
