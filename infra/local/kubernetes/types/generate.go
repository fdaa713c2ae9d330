// Prints types.json: the shape of every built-in type that the embedded API serves, read by reflection from the Go
// types that the real API server is compiled from. Facts that no OpenAPI document carries (pointer or value, omitempty,
// omitzero, protobuf numbers) decide what the real server reads, drops and keeps: they are the reason for this program.
//
// Run it inside the module of the real control plane, whose go.mod fixes the Kubernetes version:
//
//	cd tests/controlplane && go run ../../infra/local/kubernetes/types/generate.go > ../../infra/local/kubernetes/types/types.json
//
//go:build ignore

package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	apps "k8s.io/api/apps/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	events "k8s.io/api/events/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// field is [type, flags, merge key, merge strategy], trailing empty strings cut off. Flags: e = omitempty, z = omitzero.
type field []string

var roots = []any{
	core.Namespace{}, core.Pod{}, core.Service{}, core.ConfigMap{}, core.Secret{}, core.Event{}, core.ServiceAccount{},
	apps.Deployment{}, apps.ReplicaSet{}, apps.DaemonSet{},
	autoscalingv1.Scale{}, autoscalingv1.HorizontalPodAutoscaler{}, autoscalingv2.HorizontalPodAutoscaler{},
	events.Event{}, apiextensions.CustomResourceDefinition{}, authorization.SelfSubjectAccessReview{},
	meta.DeleteOptions{},
}

// leaves are the types with a JSON form of their own; "schemaor" is a JSON schema or something simpler.
var leaves = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):                          "quantity",
	reflect.TypeOf(meta.Time{}):                                  "time",
	reflect.TypeOf(meta.MicroTime{}):                             "microtime",
	reflect.TypeOf(intstr.IntOrString{}):                         "intorstring",
	reflect.TypeOf(runtime.RawExtension{}):                       "any",
	reflect.TypeOf(meta.FieldsV1{}):                              "any",
	reflect.TypeOf(apiextensions.JSON{}):                         "any",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrBool{}):        "schemaor",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrArray{}):       "schemaor",
	reflect.TypeOf(apiextensions.JSONSchemaPropsOrStringArray{}): "any",
	reflect.TypeOf([]byte{}):                                     "bytes",
}

// wireField is [JSON name, type] of a protobuf field. A struct that JSON inlines has no name.
type wireField [2]string

var (
	types = map[string]map[string]field{}
	wire  = map[string]map[string]wireField{}
)

func name(t reflect.Type) string {
	parts := strings.Split(strings.TrimPrefix(t.PkgPath(), "k8s.io/"), "/")
	return "io.k8s." + strings.Join(append(parts, t.Name()), ".")
}

func describe(t reflect.Type) string {
	if leaf, found := leaves[t]; found {
		return leaf
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + describe(t.Elem())
	case reflect.Slice:
		return "[]" + describe(t.Elem())
	case reflect.Map:
		return "{}" + describe(t.Elem())
	case reflect.Struct:
		visit(t)
		return name(t)
	default:
		return t.Kind().String()
	}
}

func visit(t reflect.Type) {
	if _, seen := types[name(t)]; seen {
		return
	}
	fields := map[string]field{}
	types[name(t)] = fields
	wire[name(t)] = numbers(t)
	collect(t, fields)
}

// numbers are the protobuf fields of a struct; embedded structs are messages of their own there.
func numbers(t reflect.Type) map[string]wireField {
	found := map[string]wireField{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			continue
		}
		found[tag[1]] = wireField{strings.Split(f.Tag.Get("json"), ",")[0], describe(f.Type)}
	}
	return found
}

func collect(t reflect.Type, fields map[string]field) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		if tag[0] == "-" || !f.IsExported() {
			continue
		}
		if tag[0] == "" {
			collect(f.Type, fields)
			continue
		}
		flags := ""
		for _, option := range tag[1:] {
			switch option {
			case "omitempty":
				flags += "e"
			case "omitzero":
				flags += "z"
			}
		}
		fields[tag[0]] = trimmed(describe(f.Type), flags, f.Tag.Get("patchMergeKey"), f.Tag.Get("patchStrategy"))
	}
}

func trimmed(parts ...string) field {
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func main() {
	for _, root := range roots {
		visit(reflect.TypeOf(root))
	}
	encoder := json.NewEncoder(os.Stdout)
	if err := encoder.Encode(map[string]any{"fields": types, "wire": wire}); err != nil {
		panic(err)
	}
}
