// Judge of scheduling decisions: reads worlds from standard input, one JSON object a line, and answers for each what
// kube-scheduler's own framework says: every node's verdict and every plugin's score.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/dynamic-resource-allocation/resourceslice/tracker"
	"k8s.io/klog/v2"
	configv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	internalqueue "k8s.io/kubernetes/pkg/scheduler/backend/queue"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/dynamicresources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/kubernetes/pkg/scheduler/util/assumecache"
)

type world struct {
	Nodes          []*v1.Node                      `json:"nodes"`
	Pods           []*v1.Pod                       `json:"pods"`
	Pod            *v1.Pod                         `json:"pod"`
	Namespaces     []*v1.Namespace                 `json:"namespaces"`
	Services       []*v1.Service                   `json:"services"`
	ReplicaSets    []*appsv1.ReplicaSet            `json:"replicaSets"`
	Volumes        []*v1.PersistentVolume          `json:"volumes"`
	Claims         []*v1.PersistentVolumeClaim     `json:"claims"`
	Classes        []*storagev1.StorageClass       `json:"classes"`
	CSINodes       []*storagev1.CSINode            `json:"csiNodes"`
	CSIDrivers     []*storagev1.CSIDriver          `json:"csiDrivers"`
	Capacities     []*storagev1.CSIStorageCapacity `json:"capacities"`
	Attachments    []*storagev1.VolumeAttachment   `json:"attachments"`
	DeviceClasses  []*resourcev1.DeviceClass       `json:"deviceClasses"`
	ResourceSlices []*resourcev1.ResourceSlice     `json:"resourceSlices"`
	ResourceClaims []*resourcev1.ResourceClaim     `json:"resourceClaims"`
	Profile        json.RawMessage                 `json:"profile"`
}

type verdict struct {
	Code    string   `json:"code"`
	Plugin  string   `json:"plugin"`
	Reasons []string `json:"reasons"`
}

type answer struct {
	PreFilter *verdict                    `json:"preFilter,omitempty"`
	Nodes     []string                    `json:"nodes,omitempty"`
	Refused   map[string]verdict          `json:"refused"`
	Scores    map[string]map[string]int64 `json:"scores"`
	Error     string                      `json:"error,omitempty"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func addAll[T any](indexer cache.Indexer, objects []T) {
	for _, object := range objects {
		must(indexer.Add(object))
	}
}

func profileOf(raw json.RawMessage) config.KubeSchedulerProfile {
	var versioned configv1.KubeSchedulerConfiguration
	if len(raw) > 0 {
		document := append([]byte(`{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration","profiles":[`), raw...)
		decoded, _, err := scheme.Codecs.UniversalDecoder().Decode(append(document, ']', '}'), nil, nil)
		must(err)
		return decoded.(*config.KubeSchedulerConfiguration).Profiles[0]
	}
	scheme.Scheme.Default(&versioned)
	internal := config.KubeSchedulerConfiguration{}
	must(scheme.Scheme.Convert(&versioned, &internal, nil))
	return internal.Profiles[0]
}

// devices gives the manager of devices over the world's claims, slices and classes; its informers run only where there are any.
func devices(ctx context.Context, logger klog.Logger, w *world) fwk.SharedDRAManager {
	var objects []kruntime.Object
	for _, each := range w.DeviceClasses {
		objects = append(objects, each)
	}
	for _, each := range w.ResourceSlices {
		objects = append(objects, each)
	}
	for _, each := range w.ResourceClaims {
		objects = append(objects, each)
	}
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	resources := factory.Resource().V1()
	claims := assumecache.NewAssumeCache(logger, resources.ResourceClaims().Informer(), "ResourceClaim", "", nil)
	slices, err := tracker.StartTracker(ctx, tracker.Options{
		SliceInformer: resources.ResourceSlices(), KubeClient: client,
		EnableDeviceTaintRules:   utilfeature.DefaultFeatureGate.Enabled(features.DRADeviceTaintRules),
		EnableConsumableCapacity: utilfeature.DefaultFeatureGate.Enabled(features.DRAConsumableCapacity),
		TaintInformer:            factory.Resource().V1beta2().DeviceTaintRules(),
		ClassInformer:            resources.DeviceClasses(),
	})
	must(err)
	manager := dynamicresources.NewDRAManager(ctx, claims, slices, factory)
	classes := resources.DeviceClasses().Informer()
	// A store is filled before its handlers have heard: each registration says when its own handler has heard of the whole first list.
	heard := []cache.DoneChecker{slices.HasSyncedChecker(), claims.AddEventHandler(cache.ResourceEventHandlerFuncs{}).HasSyncedChecker()}
	handler, ok := manager.DeviceClassResolver().(cache.ResourceEventHandler)
	if ok {
		registration, err := classes.AddEventHandler(handler)
		must(err)
		heard = append(heard, registration.HasSyncedChecker())
	}
	if len(objects) > 0 {
		factory.Start(ctx.Done())
		factory.WaitForCacheSync(ctx.Done())
		for _, each := range heard {
			select {
			case <-each.Done():
			case <-time.After(time.Minute):
				panic("not heard within a minute: " + each.Name())
			}
		}
	}
	return manager
}

func toVerdict(status *fwk.Status) verdict {
	return verdict{Code: status.Code().String(), Plugin: status.Plugin(), Reasons: status.Reasons()}
}

func judge(parent context.Context, logger klog.Logger, w *world) (result answer) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	core, storage := factory.Core().V1(), factory.Storage().V1()
	addAll(core.Namespaces().Informer().GetIndexer(), w.Namespaces)
	addAll(core.Services().Informer().GetIndexer(), w.Services)
	addAll(core.Nodes().Informer().GetIndexer(), w.Nodes)
	addAll(factory.Apps().V1().ReplicaSets().Informer().GetIndexer(), w.ReplicaSets)
	snapshot := internalcache.NewSnapshot(w.Pods, w.Nodes)
	profile := profileOf(w.Profile)
	f, err := frameworkruntime.NewFramework(ctx, plugins.NewInTreeRegistry(), &profile,
		frameworkruntime.WithClientSet(client), frameworkruntime.WithInformerFactory(factory), frameworkruntime.WithSnapshotSharedLister(snapshot),
		frameworkruntime.WithSharedDRAManager(devices(ctx, logger, w)),
		frameworkruntime.WithSharedCSIManager(nodevolumelimits.NewCSIManager(storage.CSINodes().Lister())),
		frameworkruntime.WithPodNominator(internalqueue.NewSchedulingQueue(nil, factory)),
		frameworkruntime.WithEventRecorder(&events.FakeRecorder{}), frameworkruntime.WithLogger(logger))
	must(err)
	// The plugins have their indexes now.
	addAll(core.PersistentVolumes().Informer().GetIndexer(), w.Volumes)
	addAll(core.PersistentVolumeClaims().Informer().GetIndexer(), w.Claims)
	addAll(storage.StorageClasses().Informer().GetIndexer(), w.Classes)
	addAll(storage.CSINodes().Informer().GetIndexer(), w.CSINodes)
	addAll(storage.CSIDrivers().Informer().GetIndexer(), w.CSIDrivers)
	addAll(storage.CSIStorageCapacities().Informer().GetIndexer(), w.Capacities)
	addAll(storage.VolumeAttachments().Informer().GetIndexer(), w.Attachments)

	result = answer{Refused: map[string]verdict{}, Scores: map[string]map[string]int64{}}
	state := framework.NewCycleState()
	pre, status, _ := f.RunPreFilterPlugins(ctx, state, w.Pod)
	if !status.IsSuccess() {
		v := toVerdict(status)
		result.PreFilter = &v
		return result
	}
	all, err := snapshot.NodeInfos().List()
	must(err)
	var feasible []fwk.NodeInfo
	if pre != nil && !pre.AllNodes() {
		result.Nodes = pre.NodeNames.UnsortedList()
	}
	for _, node := range all {
		if pre != nil && !pre.AllNodes() && !pre.NodeNames.Has(node.Node().Name) {
			continue
		}
		if status := f.RunFilterPlugins(ctx, state, w.Pod, node); status.IsSuccess() {
			feasible = append(feasible, node)
		} else {
			result.Refused[node.Node().Name] = toVerdict(status)
		}
	}
	if len(feasible) == 0 {
		return result
	}
	if status := f.RunPreScorePlugins(ctx, state, w.Pod, feasible); !status.IsSuccess() {
		result.Error = status.Message()
		return result
	}
	scores, status := f.RunScorePlugins(ctx, state, w.Pod, feasible)
	if !status.IsSuccess() {
		result.Error = status.Message()
		return result
	}
	for _, node := range scores {
		byPlugin := map[string]int64{}
		for _, score := range node.Scores {
			byPlugin[score.Name] = score.Score
		}
		result.Scores[node.Name] = byPlugin
	}
	return result
}

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	metrics.Register()
	if len(os.Args) > 1 {
		must(utilfeature.DefaultMutableFeatureGate.Set(os.Args[1]))
	}
	logger := klog.Background()
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for decoder.More() {
		var w world
		must(decoder.Decode(&w))
		func() {
			defer func() {
				if r := recover(); r != nil {
					fmt.Fprintf(os.Stderr, "%v\n%s\n", r, debug.Stack())
					must(encoder.Encode(answer{Error: fmt.Sprint(r)}))
				}
			}()
			must(encoder.Encode(judge(ctx, logger, &w)))
		}()
		must(out.Flush())
	}
}
