//! Which cluster, as whom: from flags, kubeconfig files and the pod, in kubectl's order.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use crate::{cli::ClusterArgs, plugin::failure::Failure};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// The cluster of the flags, of the kubeconfig, or of the pod that this runs in.
pub(super) async fn load(args: &ClusterArgs) -> Result<Config, Failure> {
    let home = env::home_dir().map(|home| home.join(".kube/config"));
    let kubeconfig = kubeconfig(args.kubeconfig.as_deref(), env::var_os("KUBECONFIG"), home)?;
    let mut config = match kubeconfig {
        Some(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options(args)).await?,
        None if args.context.is_some() || args.cluster.is_some() || args.user.is_some() => {
            return Err(Failure::NoCluster("there is no kubeconfig for --context, --cluster and --user".to_owned()));
        }
        None => Config::incluster().map_err(|_| {
            Failure::NoCluster("there is no kubeconfig at ~/.kube/config, and this runs in no pod".to_owned())
        })?,
    };
    config.connect_timeout = Some(CONNECT);
    if let Some(user) = &args.impersonate {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups = Some(args.as_group.clone()).filter(|groups| !groups.is_empty());
    }
    Ok(config)
}

fn options(args: &ClusterArgs) -> KubeConfigOptions {
    KubeConfigOptions { context: args.context.clone(), cluster: args.cluster.clone(), user: args.user.clone() }
}

/// The file of the flag, which must be there; else those of `KUBECONFIG` that are there, merged; else that of the home directory.
fn kubeconfig(
    flag: Option<&Path>,
    listed: Option<OsString>,
    home: Option<PathBuf>,
) -> Result<Option<Kubeconfig>, KubeconfigError> {
    if let Some(file) = flag {
        return Kubeconfig::read_from(file).map(Some);
    }
    let files = match listed.filter(|listed| !listed.is_empty()) {
        Some(listed) => paths(&listed),
        None => home.into_iter().collect(),
    };
    let there = files.into_iter().filter(|file| file.exists());
    there.map(Kubeconfig::read_from).try_fold(None, |merged, next| match merged {
        None => next.map(Some),
        Some(merged) => Kubeconfig::merge(merged, next?).map(Some),
    })
}

fn paths(listed: &OsStr) -> Vec<PathBuf> {
    env::split_paths(listed).filter(|path| !path.as_os_str().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn write(directory: &Path, name: &str, context: &str) -> PathBuf {
        let path = directory.join(name);
        let text = format!("apiVersion: v1\nkind: Config\ncurrent-context: {context}\ncontexts: []\n");
        fs::write(&path, text).unwrap();
        path
    }

    fn context(found: Result<Option<Kubeconfig>, KubeconfigError>) -> Option<String> {
        found.unwrap().and_then(|config| config.current_context)
    }

    #[test]
    fn the_flag_comes_before_the_environment_and_that_before_the_home() {
        let directory = tempfile::tempdir().unwrap();
        let [flag, first, second, home] =
            ["flag", "first", "second", "home"].map(|name| write(directory.path(), name, name));
        let missing = directory.path().join("missing");
        let listed = |files: &[&PathBuf]| Some(env::join_paths(files).unwrap());
        let both = listed(&[&missing, &first, &second]);
        assert_eq!(context(kubeconfig(Some(&flag), both.clone(), Some(home.clone()))).as_deref(), Some("flag"));
        assert_eq!(context(kubeconfig(None, both, Some(home.clone()))).as_deref(), Some("first"));
        for unset in [None, Some(OsString::new())] {
            assert_eq!(context(kubeconfig(None, unset, Some(home.clone()))).as_deref(), Some("home"));
        }
        assert!(kubeconfig(None, listed(&[&missing]), Some(home)).unwrap().is_none(), "as kubectl: not the home then");
        assert!(kubeconfig(None, None, Some(missing.clone())).unwrap().is_none());
        assert!(kubeconfig(Some(&missing), None, None).is_err(), "what the flag names must be there");
    }
}
