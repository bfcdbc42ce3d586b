# SPDX-License-Identifier: LGPL-2.1-or-later
from __future__ import annotations

import pytest

from sd_taskpacker.model.passthrough import translate
from sd_taskpacker.model.service_refused import refusals
from sd_taskpacker.model.service_table import SETTINGS
from sd_taskpacker.model.syntax import Assignment
from sd_taskpacker.model.unit import Kind

# What systemd-run of systemd 252 put into StartTransientUnit for `--property=`, recorded on a private bus; only the
# zero bytes at the end of CPU masks are cut off.
RECORDED: list[tuple[str, list[tuple[str, str, object]]]] = [
    ("AmbientCapabilities=CAP_NET_RAW cap_kill", [("AmbientCapabilities", "t", 8224)]),
    ("AppArmorProfile=-foo", [("AppArmorProfile", "(bs)", [True, "foo"])]),
    (
        "BindPaths=/a /b:/c -/d:/e:norbind /f:/g:rbind",
        [
            (
                "BindPaths",
                "a(ssbt)",
                [
                    ["/a", "/a", False, 16384],
                    ["/b", "/c", False, 16384],
                    ["/d", "/e", True, 0],
                    ["/f", "/g", False, 16384],
                ],
            )
        ],
    ),
    ("BindReadOnlyPaths=/usr", [("BindReadOnlyPaths", "a(ssbt)", [["/usr", "/usr", False, 16384]])]),
    ("CPUAffinity=0-3,8", [("CPUAffinity", "ay", b"\x0f\x01")]),
    ("CPUAffinity=numa", [("CPUAffinityFromNUMA", "b", True)]),
    ("CPUSchedulingPolicy=batch", [("CPUSchedulingPolicy", "i", 3)]),
    ("CPUSchedulingPriority=5", [("CPUSchedulingPriority", "i", 5)]),
    ("CPUSchedulingResetOnFork=yes", [("CPUSchedulingResetOnFork", "b", True)]),
    ("CacheDirectory=foo bar/baz", [("CacheDirectory", "as", ["foo", "bar/baz"])]),
    ("CacheDirectoryMode=0750", [("CacheDirectoryMode", "u", 488)]),
    ("CapabilityBoundingSet=~CAP_SYS_ADMIN CAP_BPF", [("CapabilityBoundingSet", "t", 18446743523951640575)]),
    ("CapabilityBoundingSet=CAP_CHECKPOINT_RESTORE", [("CapabilityBoundingSet", "t", 1099511627776)]),
    ("ConfigurationDirectory=foo", [("ConfigurationDirectory", "as", ["foo"])]),
    ("ConfigurationDirectoryMode=0755", [("ConfigurationDirectoryMode", "u", 493)]),
    ("CoredumpFilter=default 0x10 private-dax", [("CoredumpFilter", "t", 179)]),
    ("CoredumpFilter=all", [("CoredumpFilter", "t", 4294967295)]),
    ("CoredumpFilter=33", [("CoredumpFilter", "t", 51)]),
    ('Environment=A=b "C=d e" F=\\x41', [("Environment", "as", ["A=b", "C=d e", "F=A"])]),
    ("EnvironmentFile=-/etc/default/foo", [("EnvironmentFiles", "a(sb)", [["/etc/default/foo", True]])]),
    ("ExecPaths=/usr -/bin", [("ExecPaths", "as", ["/usr", "-/bin"])]),
    ("ExecSearchPath=/usr/bin", [("ExecSearchPath", "as", ["/usr/bin"])]),
    (
        "ExtensionImages=/a.raw -/b.raw:ro",
        [("ExtensionImages", "a(sba(ss))", [["/a.raw", False, []], ["/b.raw", True, [["root", "ro"]]]])],
    ),
    ("Group=daemon", [("Group", "s", "daemon")]),
    ("IOSchedulingClass=best-effort", [("IOSchedulingClass", "i", 2)]),
    ("IOSchedulingPriority=3", [("IOSchedulingPriority", "i", 3)]),
    ("IPCNamespacePath=/run/x", [("IPCNamespacePath", "s", "/run/x")]),
    ("IgnoreSIGPIPE=no", [("IgnoreSIGPIPE", "b", False)]),
    ("InaccessiblePaths=/home", [("InaccessiblePaths", "as", ["/home"])]),
    ("KeyringMode=private", [("KeyringMode", "s", "private")]),
    ("LimitAS=1G:2G", [("LimitAS", "t", 2147483648), ("LimitASSoft", "t", 1073741824)]),
    ("LimitCORE=0", [("LimitCORE", "t", 0), ("LimitCORESoft", "t", 0)]),
    ("LimitCPU=90s", [("LimitCPU", "t", 90), ("LimitCPUSoft", "t", 90)]),
    ("LimitCPU=1500ms", [("LimitCPU", "t", 2), ("LimitCPUSoft", "t", 2)]),
    ("LimitDATA=infinity", [("LimitDATA", "t", 18446744073709551615), ("LimitDATASoft", "t", 18446744073709551615)]),
    ("LimitFSIZE=1.5G", [("LimitFSIZE", "t", 1610612736), ("LimitFSIZESoft", "t", 1610612736)]),
    ("LimitLOCKS=5", [("LimitLOCKS", "t", 5), ("LimitLOCKSSoft", "t", 5)]),
    ("LimitMEMLOCK=64K", [("LimitMEMLOCK", "t", 65536), ("LimitMEMLOCKSoft", "t", 65536)]),
    ("LimitMSGQUEUE=1M", [("LimitMSGQUEUE", "t", 1048576), ("LimitMSGQUEUESoft", "t", 1048576)]),
    ("LimitNICE=+5", [("LimitNICE", "t", 15), ("LimitNICESoft", "t", 15)]),
    ("LimitNICE=-5", [("LimitNICE", "t", 25), ("LimitNICESoft", "t", 25)]),
    ("LimitNICE=30", [("LimitNICE", "t", 30), ("LimitNICESoft", "t", 30)]),
    ("LimitNOFILE=1024:4096", [("LimitNOFILE", "t", 4096), ("LimitNOFILESoft", "t", 1024)]),
    ("LimitNPROC=100:infinity", [("LimitNPROC", "t", 18446744073709551615), ("LimitNPROCSoft", "t", 100)]),
    ("LimitRSS=5M", [("LimitRSS", "t", 5242880), ("LimitRSSSoft", "t", 5242880)]),
    ("LimitRTPRIO=3", [("LimitRTPRIO", "t", 3), ("LimitRTPRIOSoft", "t", 3)]),
    ("LimitRTTIME=5000", [("LimitRTTIME", "t", 5000), ("LimitRTTIMESoft", "t", 5000)]),
    ("LimitRTTIME=5ms", [("LimitRTTIME", "t", 5000), ("LimitRTTIMESoft", "t", 5000)]),
    ("LimitSIGPENDING=7", [("LimitSIGPENDING", "t", 7), ("LimitSIGPENDINGSoft", "t", 7)]),
    ("LimitSTACK=8M", [("LimitSTACK", "t", 8388608), ("LimitSTACKSoft", "t", 8388608)]),
    ("LoadCredential=foo:/etc/foo", [("LoadCredential", "a(ss)", [["foo", "/etc/foo"]])]),
    ("LoadCredential=foo", [("LoadCredential", "a(ss)", [["foo", "foo"]])]),
    ("LoadCredentialEncrypted=foo:/etc/foo", [("LoadCredentialEncrypted", "a(ss)", [["foo", "/etc/foo"]])]),
    ("LockPersonality=on", [("LockPersonality", "b", True)]),
    ("LogExtraFields=FOO=bar", [("LogExtraFields", "aay", [b"FOO=bar"])]),
    ("LogLevelMax=warning", [("LogLevelMax", "i", 4)]),
    ("LogLevelMax=3", [("LogLevelMax", "i", 3)]),
    ("LogNamespace=foo", [("LogNamespace", "s", "foo")]),
    ("LogRateLimitBurst=10", [("LogRateLimitBurst", "u", 10)]),
    ("LogRateLimitIntervalSec=30s", [("LogRateLimitIntervalUSec", "t", 30000000)]),
    ("LogsDirectory=foo", [("LogsDirectory", "as", ["foo"])]),
    ("LogsDirectoryMode=0700", [("LogsDirectoryMode", "u", 448)]),
    ("MemoryDenyWriteExecute=true", [("MemoryDenyWriteExecute", "b", True)]),
    ("MountAPIVFS=1", [("MountAPIVFS", "b", True)]),
    ("MountFlags=slave", [("MountFlags", "t", 524288)]),
    (
        "MountImages=/a.raw:/mnt -/b.raw:/mnt2:root:ro:home:rw",
        [
            (
                "MountImages",
                "a(ssba(ss))",
                [["/a.raw", "/mnt", False, []], ["/b.raw", "/mnt2", True, [["root", "ro"], ["home", "rw"]]]],
            )
        ],
    ),
    ("NUMAMask=0-1", [("NUMAMask", "ay", b"\x03")]),
    ("NUMAPolicy=interleave", [("NUMAPolicy", "i", 3)]),
    ("NetworkNamespacePath=/run/netns/x", [("NetworkNamespacePath", "s", "/run/netns/x")]),
    ("Nice=-5", [("Nice", "i", -5)]),
    ("NoExecPaths=/", [("NoExecPaths", "as", ["/"])]),
    ("NoNewPrivileges=no", [("NoNewPrivileges", "b", False)]),
    ("OOMScoreAdjust=-500", [("OOMScoreAdjust", "i", -500)]),
    ("PAMName=login", [("PAMName", "s", "login")]),
    ("PassEnvironment=FOO BAR", [("PassEnvironment", "as", ["FOO", "BAR"])]),
    ("Personality=x86", [("Personality", "s", "x86")]),
    ("PrivateDevices=yes", [("PrivateDevices", "b", True)]),
    ("PrivateIPC=yes", [("PrivateIPC", "b", True)]),
    ("PrivateMounts=yes", [("PrivateMounts", "b", True)]),
    ("PrivateNetwork=yes", [("PrivateNetwork", "b", True)]),
    ("PrivateTmp=yes", [("PrivateTmp", "b", True)]),
    ("PrivateUsers=yes", [("PrivateUsers", "b", True)]),
    ("ProcSubset=pid", [("ProcSubset", "s", "pid")]),
    ("ProtectClock=yes", [("ProtectClock", "b", True)]),
    ("ProtectControlGroups=yes", [("ProtectControlGroups", "b", True)]),
    ("ProtectHome=tmpfs", [("ProtectHome", "s", "tmpfs")]),
    ("ProtectHostname=yes", [("ProtectHostname", "b", True)]),
    ("ProtectKernelLogs=yes", [("ProtectKernelLogs", "b", True)]),
    ("ProtectKernelModules=yes", [("ProtectKernelModules", "b", True)]),
    ("ProtectKernelTunables=yes", [("ProtectKernelTunables", "b", True)]),
    ("ProtectProc=invisible", [("ProtectProc", "s", "invisible")]),
    ("ProtectSystem=strict", [("ProtectSystem", "s", "strict")]),
    ('ReadOnlyPaths=/usr "/a b"', [("ReadOnlyPaths", "as", ["/usr", "/a b"])]),
    ("ReadWritePaths=-/var +/x", [("ReadWritePaths", "as", ["-/var", "+/x"])]),
    ("RemoveIPC=yes", [("RemoveIPC", "b", True)]),
    (
        "RestrictAddressFamilies=AF_INET AF_INET6",
        [("RestrictAddressFamilies", "(bas)", [True, ["AF_INET", "AF_INET6"]])],
    ),
    ("RestrictAddressFamilies=~AF_PACKET", [("RestrictAddressFamilies", "(bas)", [False, ["AF_PACKET"]])]),
    ("RestrictFileSystems=ext4 tmpfs", [("RestrictFileSystems", "(bas)", [True, ["ext4", "tmpfs"]])]),
    ("RestrictNamespaces=yes", [("RestrictNamespaces", "t", 0)]),
    ("RestrictNamespaces=no", [("RestrictNamespaces", "t", 2114060288)]),
    ("RestrictNamespaces=~user net", [("RestrictNamespaces", "t", 771883008)]),
    ("RestrictNamespaces=mnt", [("RestrictNamespaces", "t", 131072)]),
    ("RestrictRealtime=yes", [("RestrictRealtime", "b", True)]),
    ("RestrictSUIDSGID=yes", [("RestrictSUIDSGID", "b", True)]),
    ("RootDirectory=/srv/root", [("RootDirectory", "s", "/srv/root")]),
    (
        "RootHash=00112233445566778899aabbccddeeff",
        [("RootHash", "ay", b'\x00\x11"3DUfw\x88\x99\xaa\xbb\xcc\xdd\xee\xff')],
    ),
    ("RootHash=/a.roothash", [("RootHashPath", "s", "/a.roothash")]),
    ("RootHashSignature=/a.p7s", [("RootHashSignaturePath", "s", "/a.p7s")]),
    ("RootImage=/a.raw", [("RootImage", "s", "/a.raw")]),
    ("RootImageOptions=ro home:rw,nodev", [("RootImageOptions", "a(ss)", [["root", "ro"], ["home", "rw,nodev"]])]),
    ("RootVerity=/a.verity", [("RootVerity", "s", "/a.verity")]),
    (
        "RuntimeDirectory=foo foo2:link",
        [("RuntimeDirectory", "as", ["foo"]), ("RuntimeDirectorySymlink", "a(sst)", [["foo2", "link", 0]])],
    ),
    ("RuntimeDirectoryMode=0755", [("RuntimeDirectoryMode", "u", 493)]),
    ("SELinuxContext=-foo:bar", [("SELinuxContext", "s", "-foo:bar")]),
    ("SecureBits=keep-caps noroot-locked", [("SecureBits", "i", 18)]),
    ('SetCredential=foo:bar baz\\x20"q"', [("SetCredential", "a(say)", [["foo", b'bar baz "q"']])]),
    ("SetCredentialEncrypted=foo:aGVsbG8=", [("SetCredentialEncrypted", "a(say)", [["foo", b"hello"]])]),
    ("SmackProcessLabel=foo", [("SmackProcessLabel", "(bs)", [False, "foo"])]),
    (
        "StateDirectory=foo foo:bar",
        [("StateDirectory", "as", ["foo"]), ("StateDirectorySymlink", "a(sst)", [["foo", "bar", 0]])],
    ),
    ("StateDirectoryMode=0755", [("StateDirectoryMode", "u", 493)]),
    ("SupplementaryGroups=daemon 5", [("SupplementaryGroups", "as", ["daemon", "5"])]),
    ("SyslogFacility=local3", [("SyslogFacility", "i", 19)]),
    ("SyslogFacility=daemon", [("SyslogFacility", "i", 3)]),
    ("SyslogIdentifier=foo", [("SyslogIdentifier", "s", "foo")]),
    ("SyslogLevel=debug", [("SyslogLevel", "i", 7)]),
    ("SyslogLevelPrefix=no", [("SyslogLevelPrefix", "b", False)]),
    ("SystemCallArchitectures=native x86", [("SystemCallArchitectures", "as", ["native", "x86"])]),
    ("SystemCallErrorNumber=EPERM", [("SystemCallErrorNumber", "i", 1)]),
    ("SystemCallErrorNumber=kill", [("SystemCallErrorNumber", "i", 2147483646)]),
    ("SystemCallErrorNumber=13", [("SystemCallErrorNumber", "i", 13)]),
    (
        "SystemCallFilter=@system-service read:EPERM",
        [("SystemCallFilter", "(bas)", [True, ["@system-service", "read:EPERM"]])],
    ),
    ("SystemCallFilter=~@privileged", [("SystemCallFilter", "(bas)", [False, ["@privileged"]])]),
    ("SystemCallLog=@mount", [("SystemCallLog", "(bas)", [True, ["@mount"]])]),
    (
        "TemporaryFileSystem=/var:ro,size=5M /home",
        [("TemporaryFileSystem", "a(ss)", [["/var", "ro,size=5M"], ["/home", ""]])],
    ),
    ("TimerSlackNSec=50", [("TimerSlackNSec", "t", 50)]),
    ("TimerSlackNSec=5us", [("TimerSlackNSec", "t", 5000)]),
    ("UMask=0027", [("UMask", "u", 23)]),
    ("UnsetEnvironment=FOO BAR=baz", [("UnsetEnvironment", "as", ["FOO", "BAR=baz"])]),
    ("User=nobody", [("User", "s", "nobody")]),
    ("FinalKillSignal=SIGQUIT", [("FinalKillSignal", "i", 3)]),
    ("KillMode=mixed", [("KillMode", "s", "mixed")]),
    ("KillSignal=INT", [("KillSignal", "i", 2)]),
    ("KillSignal=RTMIN+3", [("KillSignal", "i", 37)]),
    ("KillSignal=RTMAX-2", [("KillSignal", "i", 62)]),
    ("SendSIGHUP=yes", [("SendSIGHUP", "b", True)]),
    ("SendSIGKILL=yes", [("SendSIGKILL", "b", True)]),
    ("WatchdogSignal=6", [("WatchdogSignal", "i", 6)]),
    ("OOMPolicy=kill", [("OOMPolicy", "s", "kill")]),
    ("RuntimeMaxSec=1h 30min", [("RuntimeMaxUSec", "t", 5400000000)]),
    ("RuntimeMaxSec=infinity", [("RuntimeMaxUSec", "t", 18446744073709551615)]),
    ("RuntimeRandomizedExtraSec=5", [("RuntimeRandomizedExtraUSec", "t", 5000000)]),
    ("SuccessExitStatus=1 TEMPFAIL SIGKILL USR1 255", [("SuccessExitStatus", "(aiai)", [[1, 75, 255], [9, 10]])]),
    ("TimeoutAbortSec=5", [("TimeoutAbortUSec", "t", 5000000)]),
    ("TimeoutStopFailureMode=kill", [("TimeoutStopFailureMode", "s", "kill")]),
    ("TimeoutStopSec=250ms", [("TimeoutStopUSec", "t", 250000)]),
    ("WatchdogSec=0", [("WatchdogUSec", "t", 0)]),
    ("AllowedCPUs=0 2-3", [("AllowedCPUs", "ay", b"\r")]),
    ("AllowedMemoryNodes=0", [("AllowedMemoryNodes", "ay", b"\x01")]),
    ("BPFProgram=egress:/sys/fs/bpf/x", [("BPFProgram", "a(ss)", [["egress", "/sys/fs/bpf/x"]])]),
    ("BlockIOAccounting=yes", [("BlockIOAccounting", "b", True)]),
    ("BlockIODeviceWeight=/dev/sda 500", [("BlockIODeviceWeight", "a(st)", [["/dev/sda", 500]])]),
    ("BlockIOReadBandwidth=/dev/sda 5M", [("BlockIOReadBandwidth", "a(st)", [["/dev/sda", 5000000]])]),
    ("BlockIOWeight=500", [("BlockIOWeight", "t", 500)]),
    ("BlockIOWriteBandwidth=/dev/sda 5K", [("BlockIOWriteBandwidth", "a(st)", [["/dev/sda", 5000]])]),
    ("CPUAccounting=yes", [("CPUAccounting", "b", True)]),
    ("CPUQuota=150%", [("CPUQuotaPerSecUSec", "t", 1500000)]),
    ("CPUQuota=12.5%", [("CPUQuotaPerSecUSec", "t", 125000)]),
    ("CPUQuotaPeriodSec=10ms", [("CPUQuotaPeriodUSec", "t", 10000)]),
    ("CPUShares=1024", [("CPUShares", "t", 1024)]),
    ("CPUWeight=50", [("CPUWeight", "t", 50)]),
    ("CPUWeight=idle", [("CPUWeight", "t", 0)]),
    ("DeviceAllow=/dev/null rw", [("DeviceAllow", "a(ss)", [["/dev/null", "rw"]])]),
    ("DeviceAllow=char-pts", [("DeviceAllow", "a(ss)", [["char-pts", ""]])]),
    ("DevicePolicy=closed", [("DevicePolicy", "s", "closed")]),
    ("IOAccounting=yes", [("IOAccounting", "b", True)]),
    ("IODeviceLatencyTargetSec=/dev/sda 5ms", [("IODeviceLatencyTargetUSec", "a(st)", [["/dev/sda", 5000]])]),
    ("IODeviceWeight=/dev/sda 50", [("IODeviceWeight", "a(st)", [["/dev/sda", 50]])]),
    ("IOReadBandwidthMax=/dev/sda 10M", [("IOReadBandwidthMax", "a(st)", [["/dev/sda", 10000000]])]),
    ("IOReadIOPSMax=/dev/sda 1K", [("IOReadIOPSMax", "a(st)", [["/dev/sda", 1000]])]),
    ("IOWeight=50", [("IOWeight", "t", 50)]),
    (
        "IOWriteBandwidthMax=/dev/sda infinity",
        [("IOWriteBandwidthMax", "a(st)", [["/dev/sda", 18446744073709551615]])],
    ),
    ("IOWriteIOPSMax=/dev/sda 100", [("IOWriteIOPSMax", "a(st)", [["/dev/sda", 100]])]),
    ("IPAccounting=yes", [("IPAccounting", "b", True)]),
    (
        "IPAddressAllow=10.0.0.0/8 ::1",
        [
            (
                "IPAddressAllow",
                "a(iayu)",
                [
                    [2, b"\n\x00\x00\x00", 8],
                    [10, b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 128],
                ],
            )
        ],
    ),
    (
        "IPAddressDeny=any",
        [
            (
                "IPAddressDeny",
                "a(iayu)",
                [
                    [2, b"\x00\x00\x00\x00", 0],
                    [10, b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0],
                ],
            )
        ],
    ),
    (
        "IPAddressAllow=localhost",
        [
            (
                "IPAddressAllow",
                "a(iayu)",
                [
                    [2, b"\x7f\x00\x00\x00", 8],
                    [10, b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 128],
                ],
            )
        ],
    ),
    (
        "IPAddressAllow=link-local",
        [
            (
                "IPAddressAllow",
                "a(iayu)",
                [
                    [2, b"\xa9\xfe\x00\x00", 16],
                    [10, b"\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 64],
                ],
            )
        ],
    ),
    (
        "IPAddressDeny=multicast",
        [
            (
                "IPAddressDeny",
                "a(iayu)",
                [
                    [2, b"\xe0\x00\x00\x00", 4],
                    [10, b"\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 8],
                ],
            )
        ],
    ),
    ("IPEgressFilterPath=/sys/fs/bpf/x", [("IPEgressFilterPath", "as", ["/sys/fs/bpf/x"])]),
    ("IPIngressFilterPath=/sys/fs/bpf/y", [("IPIngressFilterPath", "as", ["/sys/fs/bpf/y"])]),
    ("ManagedOOMMemoryPressure=kill", [("ManagedOOMMemoryPressure", "s", "kill")]),
    ("ManagedOOMMemoryPressureLimit=50%", [("ManagedOOMMemoryPressureLimit", "u", 2147483648)]),
    ("ManagedOOMPreference=avoid", [("ManagedOOMPreference", "s", "avoid")]),
    ("ManagedOOMSwap=auto", [("ManagedOOMSwap", "s", "auto")]),
    ("MemoryAccounting=yes", [("MemoryAccounting", "b", True)]),
    ("MemoryHigh=50%", [("MemoryHighScale", "u", 2147483648)]),
    ("MemoryHigh=333‰", [("MemoryHighScale", "u", 1430224109)]),
    ("MemoryLimit=512M", [("MemoryLimit", "t", 536870912)]),
    ("MemoryLow=1.5G", [("MemoryLow", "t", 1610612736)]),
    ("MemoryMax=infinity", [("MemoryMax", "t", 18446744073709551615)]),
    ("MemoryMin=5K", [("MemoryMin", "t", 5120)]),
    ("MemorySwapMax=0", [("MemorySwapMax", "t", 0)]),
    ("RestrictNetworkInterfaces=lo eth0", [("RestrictNetworkInterfaces", "(bas)", [True, ["lo", "eth0"]])]),
    ("SocketBindAllow=tcp:80", [("SocketBindAllow", "a(iiqq)", [[0, 6, 1, 80]])]),
    ("SocketBindAllow=ipv6:udp:1000-2000", [("SocketBindAllow", "a(iiqq)", [[10, 17, 1001, 1000]])]),
    ("SocketBindDeny=any", [("SocketBindDeny", "a(iiqq)", [[0, 0, 0, 0]])]),
    ("StartupAllowedCPUs=1", [("StartupAllowedCPUs", "ay", b"\x02")]),
    ("StartupAllowedMemoryNodes=0", [("StartupAllowedMemoryNodes", "ay", b"\x01")]),
    ("StartupBlockIOWeight=10", [("StartupBlockIOWeight", "t", 10)]),
    ("StartupCPUShares=2", [("StartupCPUShares", "t", 2)]),
    ("StartupCPUWeight=100", [("StartupCPUWeight", "t", 100)]),
    ("StartupIOWeight=10", [("StartupIOWeight", "t", 10)]),
    ("TasksAccounting=yes", [("TasksAccounting", "b", True)]),
    ("TasksMax=100", [("TasksMax", "t", 100)]),
    ("TasksMax=10%", [("TasksMaxScale", "u", 429496730)]),
    ("TasksMax=infinity", [("TasksMax", "t", 18446744073709551615)]),
]


@pytest.mark.parametrize(("line", "recorded"), RECORDED, ids=[line for line, _ in RECORDED])
def test_a_setting_becomes_what_systemd_itself_sends(line: str, recorded: list[tuple[str, str, object]]) -> None:
    key, _, value = line.partition("=")
    written = Assignment(section_index=0, section="Service", key=key, value=value, path="t", line=1)
    settings = translate([written], Kind.WORKORDER)
    assert not settings.problems
    user = [("User", "s", settings.user)] if settings.user else []
    assert [(name, value.signature, value.data) for name, value in settings.properties] + user == recorded


def test_every_setting_is_recorded_and_none_is_also_refused() -> None:
    recorded = {line.partition("=")[0] for line, _ in RECORDED}
    aliases = {"ReadWriteDirectories", "ReadOnlyDirectories", "InaccessibleDirectories"}
    assert set(SETTINGS) - recorded == aliases
    assert not set(SETTINGS) & set(refusals(Kind.WORKORDER))
    assert set(SETTINGS) & set(refusals(Kind.BATCH)) == {"MemoryMax", "MemoryLimit", "MemorySwapMax"}
