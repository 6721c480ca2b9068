#!/usr/bin/env bash
# What is in a host image: one recipe for both ways to build it (from a pulled base image, or with mmdebstrap). It runs inside
# the image or on its root directory, so it uses nothing of the project. Its content, with the name of the image asked for, is the image's version.
#
#   recipe.sh suite NAME            Debian suite of image NAME (a PostgreSQL major, bare-<suite>, or plain-<suite>)
#   recipe.sh variant NAME          what of Debian is there besides: minbase (what is essential) or standard (what Debian's installer puts there)
#   recipe.sh packages NAME         packages to install
#   recipe.sh prepare NAME ROOT     before any package is installed
#   recipe.sh finish NAME ROOT      after the last package was installed
set -euo pipefail

suite() {
  case "$1" in
    13) echo bullseye ;;
    15) echo bookworm ;;
    17) echo trixie ;;
    18) echo forky ;;
    bare-bullseye | bare-bookworm | bare-trixie | bare-forky) echo "${1#bare-}" ;;
    plain-bullseye | plain-bookworm | plain-trixie | plain-forky) echo "${1#plain-}" ;;
    *) return 1 ;;
  esac
}

variant() {
  case "$1" in
    plain-*) echo standard ;;
    *) echo minbase ;;
  esac
}

# A bare host has what a cloud image has. A plain one is as its user's Debian is: nothing of it is arranged for the program. The others are
# hosts of the target docker: they also have what the step `install` would put there.
packages() {
  printf '%s\n' systemd systemd-sysv dbus openssh-server openssh-client sudo iproute2 procps ca-certificates netbase tzdata
  case "$1" in
    bare-*) ;;
    plain-*) printf '%s\n' locales postgresql-common ;;
    *) printf '%s\n' "postgresql-$1" "postgresql-client-$1" pgbackrest pgbouncer nftables openssl ;;
  esac
}

prepare() {
  local name="$1" root="$2"
  mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$root/etc/apt/apt.conf.d"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/understudy"
  echo 'APT::Periodic::Enable "0";' >"$root/etc/apt/apt.conf.d/understudy"
  [[ $name != plain-* ]] || return 0
  cat >>"$root/etc/dpkg/dpkg.cfg.d/understudy" <<'END'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
END
  cat >>"$root/etc/apt/apt.conf.d/understudy" <<'END'
APT::Install-Recommends "false";
Acquire::Languages "none";
END
  [[ $name != bare-* ]] || return 0
  # Debian's package makes a cluster of its own and starts it: here the program decides which cluster there is.
  mkdir -p "$root/etc/postgresql-common"
  printf 'create_main_cluster = false\n' >"$root/etc/postgresql-common/createcluster.conf"
}

finish() {
  local name="$1" root="$2" unit
  local -a masked=(
    # no terminals, devices, modules, disks or swap of its own
    getty.target getty-static.service console-getty.service systemd-logind.service systemd-logind-varlink.socket
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-vconsole-setup.service
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service
    systemd-modules-load.service systemd-remount-fs.service systemd-binfmt.service systemd-random-seed.service
    systemd-boot-update.service systemd-pcrphase.service systemd-hwdb-update.service
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount
    fstrim.timer e2scrub_all.timer e2scrub_reap.service
    # the kernel's parameters, name service and clock are the machine's
    systemd-sysctl.service systemd-resolved.service systemd-networkd.service systemd-networkd.socket systemd-timesyncd.service
    systemd-networkd-wait-online.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-firstboot.service
    # audit needs a capability that a container does not have
    systemd-journald-audit.socket
    # nothing may hold apt's lock, or change packages, beside the program
    apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service dpkg-db-backup.timer man-db.timer
  )
  # A pooler runs under a unit of the program's own.
  [[ $name == *-* ]] || masked+=(pgbouncer.service)
  for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

  # Tests read what sshd and PostgreSQL said before a restart.
  mkdir -p "$root/var/log/journal" "$root/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nForwardToSyslog=no\n' >"$root/etc/systemd/journald.conf.d/understudy.conf"

  # A host's identity comes with the host. Its SSH key is put there before its first boot.
  rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
  : >"$root/etc/machine-id"
  rm -f "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
  case "$name" in
    plain-*) as_its_user_has_it "$root" ;;
    *) for_keys_of_the_program "$root" ;;
  esac
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb
  rm -f "$root"/var/log/apt/* "$root"/var/log/dpkg.log "$root"/var/log/alternatives.log "$root"/var/log/bootstrap.log
  rm -f "$root/etc/hostname" "$root/etc/resolv.conf" 2>/dev/null || true # mounted, where Docker builds
  # Not newer than what is said here: systemd would take the first boot for the one after a change of /usr.
  touch -r "$root/usr" "$root/etc/.updated" "$root/var/.updated"
}

# The program makes the host's key, and logs in as root.
for_keys_of_the_program() {
  local root="$1"
  mkdir -p "$root/etc/ssh/sshd_config.d"
  cat >"$root/etc/ssh/sshd_config.d/understudy.conf" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
END
  # Through a published port all clients have one address: one of them with a wrong key must not shut the others out.
  if grep -qa PerSourcePenalties "$root/usr/sbin/sshd"; then
    echo 'PerSourcePenalties no' >>"$root/etc/ssh/sshd_config.d/understudy.conf"
  fi
  install -d -m 700 "$root/root/.ssh"
  mkdir -p "$root/var/lib/understudy"
}

# German, sshd as Debian has it, keys of all kinds, made at the first boot; an admin who may use sudo, and no login for root.
as_its_user_has_it() {
  local root="$1"
  echo 'de_DE.UTF-8 UTF-8' >>"$root/etc/locale.gen"
  chroot "${root:-/}" locale-gen
  echo 'LANG=de_DE.UTF-8' >"$root/etc/default/locale"
  echo 'PermitRootLogin no' >"$root/etc/ssh/sshd_config.d/no-root.conf"
  mkdir -p "$root/etc/systemd/system/ssh.service.d"
  printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
    >"$root/etc/systemd/system/ssh.service.d/host-keys.conf"
  chroot "${root:-/}" useradd --create-home --shell /bin/bash admin
  chroot "${root:-/}" install -d -m 700 -o admin -g admin /home/admin/.ssh
  echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/understudy"
}

"$@"
