# SPDX-License-Identifier: BSD-3-Clause
#
#   docker build -t concentrator .
#
# The configuration, the secrets and the users file come from outside:
#
#   docker run --rm --name concentrator --stop-timeout 15 \
#       --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW --cap-add IPC_LOCK \
#       --device /dev/net/tun --network host \
#       -v /etc/concentrator:/etc/concentrator:ro concentrator
#   docker exec concentrator concentrator-ctl show sessions
#
# NET_ADMIN  the twins, conc0, their addresses and routes; net_tap and AF_XDP ports
# NET_RAW    raw sockets: af_packet ports
# IPC_LOCK   hugepages, and memory that a network card reads (vfio)
# /dev/net/tun  the twins and conc0 are TAP and TUN interfaces
# A PCI port needs its vfio group as well:
#   --device /dev/vfio/vfio --device /dev/vfio/GROUP
# A Mellanox port stays with its kernel driver and needs --device /dev/infiniband/uverbsN instead.
#
# --network host: the twins then are interfaces of the host, where a routing daemon finds them.
# Without it they live in the container's own network namespace, which works too.
# --stop-timeout: a clean end may take three phases of three seconds.
# Secret files must belong to the user in the container (root) and have mode 0600.

FROM debian:bookworm-slim AS build

RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
        gcc libc6-dev meson ninja-build pkg-config binutils \
        libdpdk-dev libipsec-mb-dev libconfig-dev libjemalloc-dev libssl-dev libmnl-dev \
        libjansson-dev libedit-dev libcmocka-dev && \
    rm -rf /var/lib/apt/lists/*

COPY . /src
WORKDIR /src
RUN meson setup /build --prefix=/usr/local && \
    ninja -C /build && \
    meson test -C /build --no-rebuild --print-errorlogs && \
    meson install -C /build --no-rebuild --destdir /out

FROM debian:bookworm-slim

# The second line is what the programs are linked with; the librte packages behind it are loaded by
# DPDK at start: one driver a package. Take out the cards that you do not have.
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
        libconfig9 libedit2 libipsec-mb1 libjansson4 libjemalloc2 libmnl0 libssl3 \
        librte-eal23 librte-ethdev23 librte-fib23 librte-mbuf23 librte-mempool23 librte-net23 \
        librte-rcu23 librte-ring23 \
        librte-mempool-ring23 librte-bus-vdev23 librte-bus-pci23 \
        librte-net-tap23 librte-net-af-packet23 librte-net-af-xdp23 librte-net-ring23 \
        librte-net-e1000-23 librte-net-ixgbe23 librte-net-i40e23 librte-net-iavf23 \
        librte-net-ice23 librte-net-mlx5-23 librte-net-virtio23 librte-net-vmxnet3-23 && \
    rm -rf /var/lib/apt/lists/*

COPY --from=build /out/usr/local/ /usr/local/

ENTRYPOINT ["concentrator"]
CMD ["-c", "/etc/concentrator/concentrator.conf"]
