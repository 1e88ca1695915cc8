//! Kubernetes: a storage class on a volume's mount. No in-tree Gluster volumes: Kubernetes removed them in 1.26.

use crate::answer::Answer;
use crate::site::Site;
use crate::volume::Volume;
use cluster::command::quote;
use cluster::fstab;
use cluster::inventory::Provisioner;
use cluster::yaml;
use serde_json::{Value, json};

/// rancher/local-path-provisioner, of which K3s brings a copy of its own; this is another instance, so that K3s's stays
/// as it is.
const LOCAL_PATH: &str = "rancher/local-path-provisioner:v0.0.31";
/// kubernetes-sigs/nfs-subdir-external-provisioner, its last release.
const NFS: &str = "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2";
/// What its helper pods run: making and removing folders.
const HELPER: &str = "busybox:1.36";

/// The storage class of a volume: a name in lower case, as Kubernetes wants it.
pub fn class_name(volume: &Volume) -> String {
    let name: String = volume
        .name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c == '_' { '-' } else { c })
        .collect();
    format!("gluster-{}", name.trim_matches('-'))
}

/// Manifests for every volume of the document that has bricks.
pub fn manifests(answer: &Answer) -> String {
    let mut documents = Vec::new();
    for volume in answer
        .plain
        .iter()
        .filter(|volume| !volume.adopted && !volume.sets.is_empty())
    {
        let name = class_name(volume);
        match volume.provisioner.unwrap_or(Provisioner::LocalPath) {
            Provisioner::LocalPath => documents.extend(local_path(volume, &name)),
            Provisioner::Nfs => documents.extend(nfs(volume, &name, &answer.site)),
        }
    }
    yaml::documents(&documents)
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": name, "labels": {"app.kubernetes.io/managed-by": "gluster-plan"}})
}

/// A namespace, an account, what it may do, and the class: the same for both.
fn frame(name: &str, provisioner: &str, rules: Value, parameters: Value) -> Vec<Value> {
    let subjects = json!([{"kind": "ServiceAccount", "name": name, "namespace": name}]);
    let reference =
        |kind: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let plain = json!({"name": name, "labels": {"app.kubernetes.io/managed-by": "gluster-plan"}});
    let own = json!([{"apiGroups": [""], "resources": ["endpoints"], "verbs": ["get", "list", "watch", "create", "update", "patch"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "watch", "create", "update", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"]}]);
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": plain}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(name)}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": plain, "rules": rules}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": plain, "subjects": subjects, "roleRef": reference("ClusterRole")}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta(name), "rules": own}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta(name), "subjects": subjects, "roleRef": reference("Role")}),
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": plain, "provisioner": provisioner,
            "parameters": parameters, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
    ]
}

fn volume_rules() -> Vec<Value> {
    vec![
        json!({"apiGroups": [""], "resources": ["nodes", "configmaps", "pods", "pods/log"], "verbs": ["get", "list", "watch"]}),
        json!({"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "list", "watch", "update"]}),
        json!({"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"]}),
        json!({"apiGroups": [""], "resources": ["events"], "verbs": ["create", "update", "patch"]}),
        json!({"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get", "list", "watch"]}),
    ]
}

fn deployment(name: &str, container: Value, volumes: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "serviceAccountName": name,
            "containers": [container],
            "volumes": volumes,
        }},
    }})
}

/// The mount that every node has, as one shared path: dynamic, ReadWriteMany, and nothing in between that can fail.
fn local_path(volume: &Volume, name: &str) -> Vec<Value> {
    let provisioner = format!("cloud-at-home/{name}");
    let mut all = frame(name, &provisioner, Value::from(volume_rules()), json!({}));
    // Where nothing is mounted, a folder on the node's own card would be taken for the volume.
    let mounted = quote(&format!(" {} fuse.glusterfs ", fstab::word(&volume.mount)));
    let guard = format!(
        "grep -qF -- {mounted} /proc/mounts || {{ echo 'the volume is not mounted here' >&2; exit 1; }}"
    );
    let setup = format!("#!/bin/sh\nset -eu\n{guard}\nmkdir -m 0777 -p \"$VOL_DIR\"\n");
    let teardown = format!("#!/bin/sh\nset -eu\n{guard}\nrm -rf \"$VOL_DIR\"\n");
    let helper = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "helper-pod"}, "spec": {
        "priorityClassName": "system-node-critical",
        "tolerations": [{"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [{"name": "helper-pod", "image": HELPER, "imagePullPolicy": "IfNotPresent"}],
    }});
    let config = json!({"nodePathMap": [], "sharedFileSystemPath": volume.mount});
    all.push(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": {
            "config.json": config.to_string(),
            "setup": setup,
            "teardown": teardown,
            "helperPod.yaml": yaml::documents(&[helper]),
        }}),
    );
    let container = json!({
        "name": "provisioner",
        "image": LOCAL_PATH,
        "imagePullPolicy": "IfNotPresent",
        "command": ["local-path-provisioner", "start", "--config", "/etc/config/config.json",
            "--service-account-name", name, "--provisioner-name", provisioner, "--configmap-name", name],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config/"}],
        "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
    });
    all.push(deployment(
        name,
        container,
        json!([{"name": "config", "configMap": {"name": name}}]),
    ));
    all
}

/// An NFS server on brick 1's node that exports the mount, and the provisioner that makes folders in it.
fn nfs(volume: &Volume, name: &str, site: &Site) -> Vec<Value> {
    let provisioner = format!("cloud-at-home/{name}");
    let parameters = json!({"archiveOnDelete": "false"});
    let mut all = frame(name, &provisioner, Value::from(volume_rules()), parameters);
    let first = volume.nodes(site).first().map(|node| &site.nodes[*node]);
    let server = first.map_or(String::new(), |node| {
        node.address
            .map_or_else(|| node.name.clone(), |address| address.to_string())
    });
    let container = json!({
        "name": "provisioner",
        "image": NFS,
        "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [{"name": "root", "mountPath": "/persistentvolumes"}],
        "env": [{"name": "PROVISIONER_NAME", "value": provisioner}, {"name": "NFS_SERVER", "value": server}, {"name": "NFS_PATH", "value": volume.mount}],
    });
    all.push(deployment(
        name,
        container,
        json!([{"name": "root", "nfs": {"server": server, "path": volume.mount}}]),
    ));
    all
}
