// Tells what upstream makes of CEL expressions: reads cases from standard input, writes verdicts to standard output.
// src/api/cel/testdata/upstream.json is recorded with it (hack/update-cel upstream).
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
	"k8s.io/apiserver/pkg/cel/mutation"
)

type input struct {
	Schema   *apiextensionsv1.JSONSchemaProps `json:"schema"`
	Self     map[string]any                   `json:"self"`
	Object   map[string]any                   `json:"object"`
	Dynamic  []string                         `json:"dynamic"`
	Typed    []string                         `json:"typed"`
	Mutation []string                         `json:"mutation"`
}

type verdict struct {
	Compile string     `json:"compile,omitempty"`
	Program string     `json:"program,omitempty"`
	Type    string     `json:"type,omitempty"`
	Value   any        `json:"value,omitempty"`
	Error   string     `json:"error,omitempty"`
	Cost    *uint64    `json:"cost,omitempty"`
	Min     *string    `json:"min,omitempty"`
	Max     *string    `json:"max,omitempty"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func tagged(v ref.Val) any {
	switch t := v.(type) {
	case types.Int:
		return map[string]any{"int": fmt.Sprint(int64(t))}
	case types.Uint:
		return map[string]any{"uint": fmt.Sprint(uint64(t))}
	case types.Double:
		return map[string]any{"double": fmt.Sprint(float64(t))}
	case types.String:
		return map[string]any{"string": string(t)}
	case types.Bool:
		return bool(t)
	case types.Bytes:
		return map[string]any{"bytes": fmt.Sprintf("%x", []byte(t))}
	case types.Null:
		return "null"
	case types.Duration, types.Timestamp:
		return map[string]any{v.Type().TypeName(): t.ConvertToType(types.StringType).Value()}
	case *types.Optional:
		if t.HasValue() {
			return map[string]any{"optional": tagged(t.GetValue())}
		}
		return "none"
	case traits.Lister:
		out := []any{}
		for it := t.Iterator(); it.HasNext() == types.True; {
			out = append(out, tagged(it.Next()))
		}
		return map[string]any{"list": out}
	case traits.Mapper:
		out := []string{}
		for it := t.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			text, _ := json.Marshal([]any{tagged(k), tagged(t.Get(k))})
			out = append(out, string(text))
		}
		sort.Strings(out)
		return map[string]any{"map": out}
	case *types.Type:
		return map[string]any{"type": t.TypeName()}
	}
	return v.Type().TypeName()
}

type sizes struct{ root *apiservercel.DeclType }

func (c *sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	if len(element.Path()) == 0 || c.root == nil {
		return nil
	}
	node := c.root
	for _, name := range element.Path()[1:] {
		switch name {
		case "@items", "@values":
			node = node.ElemType
		case "@keys":
			node = node.KeyType
		default:
			field, ok := node.Fields[name]
			if !ok {
				return nil
			}
			node = field.Type
		}
		if node == nil {
			return nil
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(node.MaxElements)}
}

func (c *sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

func run(env *cel.Env, estimator *library.CostEstimator, expression string, vars map[string]any) (out verdict) {
	ast, issues := env.Compile(expression)
	if issues != nil {
		out.Compile = issues.String()
		return
	}
	out.Type = ast.OutputType().String()
	estimate, err := env.EstimateCost(ast, estimator)
	if err == nil {
		low, high := fmt.Sprint(estimate.Min), fmt.Sprint(estimate.Max)
		out.Min, out.Max = &low, &high
	}
	program, err := env.Program(ast, cel.CostTracking(estimator))
	if err != nil {
		out.Program = err.Error()
		return
	}
	value, details, err := program.Eval(vars)
	if details != nil {
		out.Cost = details.ActualCost()
	}
	if err != nil {
		out.Error = err.Error()
		return
	}
	out.Value = tagged(value)
	return
}

func number(v any) any {
	switch t := v.(type) {
	case json.Number:
		if i, err := t.Int64(); err == nil && !strings.ContainsAny(string(t), ".eE") {
			return i
		}
		f, _ := t.Float64()
		return f
	case map[string]any:
		for k := range t {
			t[k] = number(t[k])
		}
	case []any:
		for i := range t {
			t[i] = number(t[i])
		}
	}
	return v
}

func main() {
	var in input
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	must(decoder.Decode(&in))
	number(in.Self)
	number(in.Object)
	base := environment.MustBaseEnvSet(version.MajorMinor(1, 36))

	var internal apiextensions.JSONSchemaProps
	must(apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(in.Schema, &internal, nil))
	structural, err := structuralschema.NewStructural(&internal)
	must(err)
	structural = model.WithTypeAndObjectMeta(structural)
	decl := model.SchemaDeclType(structural, true).MaybeAssignTypeName("selfType")
	typed, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        []cel.EnvOption{cel.Variable("self", decl.CelType()), cel.Variable("oldSelf", types.NewOptionalType(decl.CelType()))},
		DeclTypes:         []*apiservercel.DeclType{decl},
	})
	must(err)
	dynamic, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        []cel.EnvOption{cel.Variable("object", cel.DynType), cel.Variable("n", cel.IntType), cel.Variable("s", cel.StringType)},
	})
	must(err)
	resolver := &mutation.DynamicTypeResolver{}
	mutating, err := dynamic.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions: []cel.EnvOption{
			environment.UnversionedLib(library.JSONPatch),
			func(e *cel.Env) (*cel.Env, error) {
				return common.ResolverEnvOption(resolver)(e)
			},
		},
	})
	must(err)

	out := map[string]map[string]verdict{"dynamic": {}, "typed": {}, "mutation": {}}
	vars := map[string]any{"object": in.Object, "n": int64(4), "s": "text"}
	for _, e := range in.Dynamic {
		out["dynamic"][e] = run(dynamic.StoredExpressionsEnv(), &library.CostEstimator{SizeEstimator: &sizes{}}, e, vars)
	}
	for _, e := range in.Mutation {
		out["mutation"][e] = run(mutating.StoredExpressionsEnv(), &library.CostEstimator{SizeEstimator: &sizes{}}, e, vars)
	}
	self := common.UnstructuredToVal(in.Self, &model.Structural{Structural: structural})
	selfVars := map[string]any{"self": self, "oldSelf": types.OptionalOf(self)}
	for _, e := range in.Typed {
		out["typed"][e] = run(typed.StoredExpressionsEnv(), &library.CostEstimator{SizeEstimator: &sizes{root: decl}}, e, selfVars)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	must(encoder.Encode(out))
}
