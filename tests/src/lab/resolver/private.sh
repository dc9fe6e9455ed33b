# private.sh DIRECTORY EMPTY... -- PROGRAM ARGUMENT...
#
# In a mount namespace of its own: lays DIRECTORY/etc over /etc, and an empty directory over each EMPTY one, then becomes
# the program.
set -eu
directory=$1
shift
mount -t tmpfs tmpfs "$directory/mount"
mkdir "$directory/mount/upper" "$directory/mount/work"
cp -R "$directory/etc/." "$directory/mount/upper/"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$directory/mount/upper,workdir=$directory/mount/work" /etc
while [ "$1" != -- ]; do
    mount -t tmpfs tmpfs "$1"
    shift
done
shift
cd /run
exec "$@"
