// A program as its authors write them against client-go, run against Coxswain by client-go.clients.ts.
// Each step prints "ok NAME" or "FAIL NAME: why"; the exit code is the number of failures.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/retry"
)

var (
	ctx       = context.Background()
	namespace = os.Args[2]
	config    *rest.Config
	client    *kubernetes.Clientset
)

func main() {
	var err error
	if config, err = clientcmd.BuildConfigFromFlags("", os.Args[1]); err != nil {
		panic(err)
	}
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	client = kubernetes.NewForConfigOrDie(protobuf)
	failures := 0
	for _, step := range steps {
		if err := step.run(); err != nil {
			failures++
			fmt.Printf("FAIL %s: %v\n", step.name, err)
		} else {
			fmt.Printf("ok %s\n", step.name)
		}
	}
	os.Exit(failures)
}

var steps = []struct {
	name string
	run  func() error
}{
	{"typed objects over protobuf", typed},
	{"conflicts and retries", conflicts},
	{"server-side apply", apply},
	{"shared informers", sharedInformers},
	{"pages", pages},
	{"dynamic client and REST mapper", dynamicClient},
	{"metadata client", metadataClient},
	{"tables over a long watch", tables},
	{"leader election", election},
	{"deployment to ready pods", rollout},
	{"exec by WebSocket and SPDY", execBoth},
	{"port-forward", forward},
	{"logs followed", logs},
	{"discovery", discover},
}

func typed() error {
	maps := client.CoreV1().ConfigMaps(namespace)
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "typed", Labels: map[string]string{"of": "typed"}}, Data: map[string]string{"a": "1"}, BinaryData: map[string][]byte{"b": {0, 255}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "typed"}}, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("a second create: %v", err)
	}
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "of=typed"})
	if err != nil || len(list.Items) != 1 || list.Items[0].UID != made.UID || !bytes.Equal(list.Items[0].BinaryData["b"], []byte{0, 255}) {
		return fmt.Errorf("list: %v %v", list, err)
	}
	if _, err := maps.Patch(ctx, "typed", types.StrategicMergePatchType, []byte(`{"data":{"a":null,"c":"3"}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	got, err := maps.Get(ctx, "typed", metav1.GetOptions{})
	if err != nil || got.Data["c"] != "3" || len(got.Data) != 1 {
		return fmt.Errorf("after the patch: %v %v", got, err)
	}
	uid := types.UID("not-it")
	if err := maps.Delete(ctx, "typed", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); !apierrors.IsConflict(err) {
		return fmt.Errorf("delete of another uid: %v", err)
	}
	if err := maps.Delete(ctx, "typed", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if _, err := maps.Get(ctx, "typed", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("after the delete: %v", err)
	}
	_, err = client.CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "Bad_Name"}}, metav1.CreateOptions{})
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid || len(status.Status().Details.Causes) < 2 {
		return fmt.Errorf("a pod that is not valid: %v", err)
	}
	return nil
}

func conflicts() error {
	maps := client.CoreV1().ConfigMaps(namespace)
	first, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "contended"}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	first.Data = map[string]string{"n": "1"}
	if _, err := maps.Update(ctx, first, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if _, err := maps.Update(ctx, first, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("an old version: %v", err)
	}
	done := make(chan error, 8)
	for i := range 8 {
		go func() {
			done <- retry.RetryOnConflict(retry.DefaultBackoff, func() error {
				own, err := maps.Get(ctx, "contended", metav1.GetOptions{})
				if err != nil {
					return err
				}
				own.Data[fmt.Sprint("w", i)] = "x"
				_, err = maps.Update(ctx, own, metav1.UpdateOptions{})
				return err
			})
		}()
	}
	missed := 0
	for range 8 {
		if err := <-done; apierrors.IsConflict(err) {
			missed++ // its attempts were used up, as may happen
		} else if err != nil {
			return err
		}
	}
	last, err := maps.Get(ctx, "contended", metav1.GetOptions{})
	if err != nil || len(last.Data) != 9-missed {
		return fmt.Errorf("%d lost: %v %v", missed, last.Data, err)
	}
	return nil
}

func apply() error {
	maps := client.CoreV1().ConfigMaps(namespace)
	one := applycorev1.ConfigMap("applied", namespace).WithData(map[string]string{"a": "1", "b": "1"})
	if _, err := maps.Apply(ctx, one, metav1.ApplyOptions{FieldManager: "one"}); err != nil {
		return err
	}
	two := applycorev1.ConfigMap("applied", namespace).WithData(map[string]string{"b": "2"})
	if _, err := maps.Apply(ctx, two, metav1.ApplyOptions{FieldManager: "two"}); !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "one": .data.b`) {
		return fmt.Errorf("a conflict: %v", err)
	}
	if _, err := maps.Apply(ctx, two, metav1.ApplyOptions{FieldManager: "two", Force: true}); err != nil {
		return err
	}
	got, err := maps.Get(ctx, "applied", metav1.GetOptions{})
	if err != nil {
		return err
	}
	extracted, err := applycorev1.ExtractConfigMap(got, "one")
	if err != nil || len(extracted.Data) != 1 || extracted.Data["a"] != "1" {
		return fmt.Errorf("what one owns: %v %v", extracted, err)
	}
	return nil
}

func sharedInformers() error {
	stop := make(chan struct{})
	defer close(stop)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	informer := factory.Core().V1().Secrets().Informer()
	var added, updated, deleted atomic.Int32
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { added.Add(1) },
		UpdateFunc: func(any, any) { updated.Add(1) },
		DeleteFunc: func(any) { deleted.Add(1) },
	}); err != nil {
		return err
	}
	factory.Start(stop)
	for kind, synced := range factory.WaitForCacheSync(stop) {
		if !synced {
			return fmt.Errorf("%v never synced", kind)
		}
	}
	secrets := client.CoreV1().Secrets(namespace)
	for i := range 20 {
		if _, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("s", i)}, StringData: map[string]string{"k": "v"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	if _, err := secrets.Patch(ctx, "s3", types.MergePatchType, []byte(`{"metadata":{"labels":{"x":"y"}}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := secrets.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		return err
	}
	return until(10*time.Second, func() error {
		if added.Load() < 20 || updated.Load() != 1 || deleted.Load() < 20 {
			return fmt.Errorf("%d added, %d updated, %d deleted", added.Load(), updated.Load(), deleted.Load())
		}
		if left := len(informer.GetStore().List()); left != 0 {
			return fmt.Errorf("%d are left in the store", left)
		}
		return nil
	})
}

func pages() error {
	seen := map[string]bool{}
	list := pager.New(pager.SimplePageFunc(func(options metav1.ListOptions) (runtime.Object, error) {
		return client.RbacV1().ClusterRoles().List(ctx, options)
	}))
	list.PageSize = 7
	if err := list.EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		own, err := meta.Accessor(object)
		if err == nil {
			seen[own.GetName()] = true
		}
		return err
	}); err != nil {
		return err
	}
	if !seen["cluster-admin"] || len(seen) < 50 {
		return fmt.Errorf("%d cluster roles in pages of 7", len(seen))
	}
	return nil
}

func dynamicClient() error {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config)))
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	if err != nil || mapping.Resource.Resource != "deployments" || mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return fmt.Errorf("mapping: %v %v", mapping, err)
	}
	crds := dynamic.NewForConfigOrDie(config).Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	crd := object(`apiextensions.k8s.io/v1`, "CustomResourceDefinition", "boats.clients.example.org", map[string]any{
		"group": "clients.example.org", "scope": "Namespaced",
		"names": map[string]any{"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
		"versions": []any{map[string]any{
			"name": "v1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{
				"spec":   map[string]any{"type": "object", "properties": map[string]any{"oars": map[string]any{"type": "integer", "minimum": int64(1)}}},
				"status": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
			}}},
		}},
	})
	if _, err := crds.Create(ctx, crd, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer func() { _ = crds.Delete(ctx, crd.GetName(), metav1.DeleteOptions{}) }()
	boats := dynamic.NewForConfigOrDie(config).Resource(schema.GroupVersionResource{Group: "clients.example.org", Version: "v1", Resource: "boats"}).Namespace(namespace)
	var made *unstructured.Unstructured
	if err := until(10*time.Second, func() (err error) {
		made, err = boats.Create(ctx, object("clients.example.org/v1", "Boat", "cutter", map[string]any{"oars": int64(8)}), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	if _, err := boats.Create(ctx, object("clients.example.org/v1", "Boat", "none", map[string]any{"oars": int64(0)}), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		return fmt.Errorf("no oars: %v", err)
	}
	made.Object["status"] = map[string]any{"afloat": true}
	updated, err := boats.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	if err != nil || updated.GetGeneration() != 1 {
		return fmt.Errorf("status: %v %v", updated, err)
	}
	mapper.Reset()
	if _, err := mapper.RESTMapping(schema.GroupKind{Group: "clients.example.org", Kind: "Boat"}); err != nil {
		return err
	}
	return nil
}

func metadataClient() error {
	list, err := metadata.NewForConfigOrDie(config).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		return fmt.Errorf("%v %v", list, err)
	}
	return nil
}

// What terminal dashboards do: rows of a table, kept up by a watch.
func tables() error {
	watching, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	path := "/api/v1/namespaces/" + namespace + "/configmaps"
	rows := client.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	text, err := rows.DoRaw(ctx)
	if err != nil || !strings.Contains(string(text), `"kind":"Table"`) {
		return fmt.Errorf("%.200s %v", text, err)
	}
	stream, err := client.CoreV1().RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Param("watch", "true").Stream(watching)
	if err != nil {
		return err
	}
	defer stream.Close()
	go func() {
		time.Sleep(300 * time.Millisecond)
		_, _ = client.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "row"}, Data: map[string]string{"a": "", "b": ""}}, metav1.CreateOptions{})
	}()
	buffer, all := make([]byte, 1<<16), ""
	for !strings.Contains(all, `"cells":["row",2,`) {
		n, err := stream.Read(buffer)
		all += string(buffer[:n])
		if err != nil {
			return fmt.Errorf("%v after %.300s", err, all)
		}
	}
	return nil
}

func election() error {
	leaders := make(chan string, 4)
	candidate := func(name string) context.CancelFunc {
		own, cancel := context.WithCancel(ctx)
		go leaderelection.RunOrDie(own, leaderelection.LeaderElectionConfig{
			Lock:          &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "lead", Namespace: namespace}, Client: client.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: name}},
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 300 * time.Millisecond, ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { leaders <- name }, OnStoppedLeading: func() {}},
		})
		return cancel
	}
	stopA := candidate("a")
	if name := <-leaders; name != "a" {
		return fmt.Errorf("%s leads", name)
	}
	stopB := candidate("b")
	defer stopB()
	stopA()
	select {
	case name := <-leaders:
		if name != "b" {
			return fmt.Errorf("%s leads", name)
		}
	case <-time.After(5 * time.Second):
		return errors.New("nobody took over in 5 s")
	}
	return nil
}

func rollout() error {
	labels := map[string]string{"app": "go"}
	replicas := int32(2)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "go"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: "example.org/busybox:1", Command: []string{"sh", "-c", "echo begin; mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www"},
		}}}},
	}}
	if _, err := client.AppsV1().Deployments(namespace).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		return err
	}
	return until(60*time.Second, func() error {
		own, err := client.AppsV1().Deployments(namespace).Get(ctx, "go", metav1.GetOptions{})
		if err == nil && own.Status.ReadyReplicas != 2 {
			err = fmt.Errorf("%d of 2 are ready", own.Status.ReadyReplicas)
		}
		return err
	})
}

func aPod() (string, error) {
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=go", FieldSelector: fields.OneTermEqualSelector("status.phase", "Running").String()})
	if err != nil || len(list.Items) == 0 {
		return "", fmt.Errorf("no pod runs: %v", err)
	}
	return list.Items[0].Name, nil
}

func execBoth() error {
	pod, err := aPod()
	if err != nil {
		return err
	}
	url := client.CoreV1().RESTClient().Post().Resource("pods").Name(pod).Namespace(namespace).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"sh", "-c", "cat; echo err >&2; exit 7"}, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	websocket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, url.String())
	if err != nil {
		return err
	}
	classic, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, url)
	if err != nil {
		return err
	}
	for name, executor := range map[string]remotecommand.Executor{"WebSocket": websocket, "SPDY": classic} {
		var out, fail bytes.Buffer
		input := strings.Repeat("0123456789", 20_000)
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader(input), Stdout: &out, Stderr: &fail})
		if out.String() != input || fail.String() != "err\n" || err == nil || !strings.Contains(err.Error(), "exit code 7") {
			return fmt.Errorf("%s: %d bytes, %q, %v", name, out.Len(), fail.String(), err)
		}
	}
	return nil
}

func forward() error {
	pod, err := aPod()
	if err != nil {
		return err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return err
	}
	url := client.CoreV1().RESTClient().Post().Resource("pods").Name(pod).Namespace(namespace).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	forwarder, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url), []string{"127.0.0.1"}, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return err
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	for range 3 {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
		if err != nil {
			return err
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(body) != "hello\n" {
			return fmt.Errorf("%q", body)
		}
	}
	return nil
}

func logs() error {
	pod, err := aPod()
	if err != nil {
		return err
	}
	following, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(following)
	if err != nil {
		return err
	}
	defer stream.Close()
	line := make([]byte, 6)
	if _, err := io.ReadFull(stream, line); err != nil || string(line) != "begin\n" {
		return fmt.Errorf("%q %v", line, err)
	}
	return nil
}

func discover() error {
	version, err := client.Discovery().ServerVersion()
	if err != nil || version.Minor != "36" {
		return fmt.Errorf("%v %v", version, err)
	}
	groups, resources, err := client.Discovery().ServerGroupsAndResources()
	if err != nil || len(groups) < 20 || len(resources) < 20 {
		return fmt.Errorf("%d groups, %d lists: %v", len(groups), len(resources), err)
	}
	if _, err := client.Discovery().OpenAPISchema(); err != nil {
		return err
	}
	paths, err := client.Discovery().OpenAPIV3().Paths()
	if err != nil || paths["apis/apps/v1"] == nil {
		return fmt.Errorf("OpenAPI v3: %v", err)
	}
	return nil
}

func object(version, kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec}}
}

func until(limit time.Duration, try func() error) error {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
