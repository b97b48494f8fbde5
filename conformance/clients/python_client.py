"""A program as its authors write them against the Python client, run against Coxswain by python.clients.ts.

Each step prints "ok NAME" or "FAIL NAME: why"; the exit code is the number of failures.
"""
import sys
import threading
import time

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.stream import portforward, stream

kubeconfig, namespace = sys.argv[1:3]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
dyn = dynamic.DynamicClient(client.ApiClient())


def until(check, seconds=60):
    end = time.time() + seconds
    while True:
        found = check()
        if found or time.time() > end:
            assert found, 'it did not happen in time'
            return found
        time.sleep(0.1)


def typed():
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name='py', labels={'of': 'py'}), data={'a': '1'})
    made = core.create_namespaced_config_map(namespace, body)
    assert made.metadata.uid
    patched = core.patch_namespaced_config_map('py', namespace, {'data': {'b': '2'}})
    assert patched.data == {'a': '1', 'b': '2'}, patched.data
    made.data = {'late': 'x'}
    try:
        core.replace_namespaced_config_map('py', namespace, made)
        raise AssertionError('an old version was taken')
    except ApiException as error:
        assert error.status == 409 and error.reason == 'Conflict', error
    assert [item.metadata.name for item in core.list_namespaced_config_map(namespace, label_selector='of=py').items] == ['py']
    core.delete_namespaced_config_map('py', namespace)


def refused():
    try:
        core.create_namespaced_pod(namespace, {'metadata': {'name': 'none'}, 'spec': {'containers': []}})
        raise AssertionError('a pod without containers was taken')
    except ApiException as error:
        assert error.status == 422 and 'spec.containers: Required value' in error.body, error.body


def watched():
    seen = []
    version = core.list_namespaced_config_map(namespace).metadata.resource_version

    def write():
        time.sleep(0.2)
        core.create_namespaced_config_map(namespace, {'metadata': {'name': 'watched'}})
        core.patch_namespaced_config_map('watched', namespace, {'data': {'x': 'y'}})
        core.delete_namespaced_config_map('watched', namespace)

    threading.Thread(target=write).start()
    for event in watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=version, field_selector='metadata.name=watched', timeout_seconds=10):
        seen.append(event['type'])
        if event['type'] == 'DELETED':
            break
    assert seen == ['ADDED', 'MODIFIED', 'DELETED'], seen


def dynamic_objects():
    crds = dyn.resources.get(api_version='apiextensions.k8s.io/v1', kind='CustomResourceDefinition')
    crds.create({
        'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': 'kites.py.example.org'},
        'spec': {
            'group': 'py.example.org', 'scope': 'Namespaced', 'names': {'plural': 'kites', 'singular': 'kite', 'kind': 'Kite'},
            'versions': [{'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': {
                'type': 'object', 'properties': {'spec': {'type': 'object', 'properties': {'tail': {'type': 'integer', 'default': 3}}}}}}}],
        },
    })
    try:
        until(lambda: any(c.type == 'Established' and c.status == 'True' for c in crds.get(name='kites.py.example.org').status.conditions or []))
        dyn.resources.invalidate_cache()
        kites = until(lambda: dyn.resources.search(api_version='py.example.org/v1', kind='Kite'))[0]
        made = kites.create({'apiVersion': 'py.example.org/v1', 'kind': 'Kite', 'metadata': {'name': 'red'}, 'spec': {}}, namespace=namespace)
        assert made.spec.tail == 3, made
        applied = kites.server_side_apply({'apiVersion': 'py.example.org/v1', 'kind': 'Kite', 'metadata': {'name': 'red'}, 'spec': {'tail': 5}}, namespace=namespace, field_manager='py', force_conflicts=True)
        assert applied.spec.tail == 5
        try:
            kites.server_side_apply({'apiVersion': 'py.example.org/v1', 'kind': 'Kite', 'metadata': {'name': 'red'}, 'spec': {'tail': 6}}, namespace=namespace, field_manager='other')
            raise AssertionError('no conflict')
        except ConflictError as error:
            assert 'FieldManagerConflict' in str(error.body) and '.spec.tail' in str(error.body), error.body
        kites.delete(name='red', namespace=namespace)
        try:
            kites.get(name='red', namespace=namespace)
            raise AssertionError('it is still there')
        except NotFoundError:
            pass
    finally:
        crds.delete(name='kites.py.example.org')


def pod_streams():
    utils.create_from_dict(client.ApiClient(), {
        'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'py', 'namespace': namespace},
        'spec': {'terminationGracePeriodSeconds': 0, 'containers': [{
            'name': 'web', 'image': 'example.org/busybox:1', 'command': ['sh', '-c', 'echo begin; mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www']}]},
    })
    until(lambda: core.read_namespaced_pod('py', namespace).status.phase == 'Running')
    shell = stream(core.connect_get_namespaced_pod_exec, 'py', namespace, command=['sh', '-c', 'read x; echo "got $x"; echo err >&2; exit 3'],
                   stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False)
    shell.write_stdin('word\n')
    shell.run_forever(timeout=10)
    assert shell.read_stdout() == 'got word\n' and shell.read_stderr() == 'err\n' and shell.returncode == 3, shell.returncode
    assert core.read_namespaced_pod_log('py', namespace) == 'begin\n'
    forward = portforward(core.connect_get_namespaced_pod_portforward, 'py', namespace, ports='8080')
    socket = forward.socket(8080)
    socket.sendall(b'GET / HTTP/1.0\r\n\r\n')
    socket.settimeout(10)
    answer = b''
    while chunk := socket.recv(4096):
        answer += chunk
    assert answer.endswith(b'hello\n') and forward.error(8080) is None, answer
    core.delete_namespaced_pod('py', namespace)


steps = {'typed objects': typed, 'what is refused': refused, 'watch': watched, 'dynamic client': dynamic_objects, 'exec, logs and port-forward': pod_streams}
failures = 0
for name, step in steps.items():
    try:
        step()
        print('ok', name)
    except Exception as error:  # noqa: BLE001 - each step reports for itself
        failures += 1
        print(f'FAIL {name}: {type(error).__name__}: {error}')
sys.exit(failures)
